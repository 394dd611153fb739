"""Ranks units by BM25 (k1 1.5, b 0.75): Porter stems, stop words left out, the words of the headings and of the header
row that a unit stands under counted with it. src/quotes/bm25.ts is the twin of this file."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

from gmsa_quotes.stemmer import stem
from gmsa_quotes.units import Units, narrow

_K1, _B = 1.5, 0.75
STOP = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to"
    " was will with what which who whom whose when where why how did do does has have had s t".split()
)
# Documents name what they state by a noun, where a question asks with another word: "How heavy is it?" for
# "Weight: 3 kg".
_NAMED = {
    word: [stem(noun) for noun in nouns.split()]
    for word, nouns in {
        "long": "length duration", "heavy": "weight", "weigh": "weight", "tall": "height", "high": "height",
        "wide": "width", "thick": "thickness", "deep": "depth", "old": "age", "fast": "speed",
        "far": "distance", "big": "size", "large": "size", "much": "price total", "cost": "price", "expensive": "price", "pay": "payment total",
        "many": "number quantity", "people": "person", "born": "birth", "die": "death", "died": "death",
        "when": "date", "where": "address location", "who": "name", "called": "name", "phone": "telephone tel",
        "no": "none", "not": "none",
    }.items()
}  # fmt: skip
_NAMED_WEIGHT = 0.5
_MOST_ASKED = 64  # terms of a question that are looked for

# What kind of thing a question asks for, and which units hold one: a sum, a number, a date, a name. \b, and the case of
# letters, mean the same in JavaScript.
_KINDS = [
    (re.compile(question, re.IGNORECASE | re.ASCII), re.compile(unit, flags | re.ASCII))
    for question, unit, flags in (
        (
            r"\bhow much\b|\b(?:cost|price|total|amount)",
            "[$\u00a3\u20ac]|\\b(?:dollars?|pounds?|euros?|cents?|million|billion|price|cost|fee)\\b"
            "|[0-9][.,][0-9][0-9]\\b",
            re.IGNORECASE,
        ),
        (
            r"\bhow (?:many|long|old|far|tall|high|heavy|big|large|fast|deep|wide)\b|\b(?:percent|number|population)",
            r"[0-9]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|thousand|million|first|second"
            r"|third)\b",
            re.IGNORECASE,
        ),
        (
            r"\b(?:when|year|date|day|month|time)\b",
            r"\b(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
            r"|Nov(?:ember)?|Dec(?:ember)?|1[0-9]{3}|20[0-9]{2})\b|\b[0-9]{1,2}[:/.-][0-9]{1,2}\b",
            re.NOFLAG,
        ),
        (r"\b(?:who|whose|whom|where)\b", "[a-z,] [A-Z][a-z]", re.NOFLAG),
    )
]
# Share of the weight of a word that as many units hold, and what is added to that weight.
_EXPECTED, _EXPECTED_LEAST = 0.7, 0.3

# Letters by block, not by category: categories grow with every version of Unicode. One letter of a script that is
# written without spaces is a word of its own.
_SINGLE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff"
)
_LETTER = (
    "a-zA-Z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0dff\u0f00-\u0fff\u10a0-\u177f\u1800-\u1fff\u20d0-\u218f"
    "\u2c00-\u2dff\u3100-\u33ff\ua000-\uf8ff\ufb00-\ufdff\ufe70-\ufeff\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uffef"
)
WORD = re.compile(f"[0-9]+(?:[.,][0-9]+)*|[{_LETTER}][{_LETTER}0-9]*|[{_SINGLE}]")
_ASCII_WORD = re.compile("[0-9]+(?:[.,][0-9]+)*|[a-zA-Z][a-zA-Z0-9]*")
_MARKS = re.compile("[\u0300-\u036f]")


def plain_number(number: str) -> str:
    """Digits with separators, as one writes them everywhere: "1,234.50", "1.234,50" and "1234.5" become "1234.5". One
    separator before three digits is taken for thousands. Dates and versions ("2.10.2024") keep their parts."""
    parts = re.split("[.,]", number)
    if len(parts) == 1:
        return number
    separators = [one for one in number if one in ".,"]
    grouped = len(parts[0]) <= 3 and parts[0] != "0" and all(len(part) == 3 for part in parts[1:-1])
    fraction = ""
    if len(parts[-1]) == 3 and len(set(separators)) == 1 and grouped:
        pass
    elif grouped and separators.count(separators[-1]) == 1 and len(set(separators[:-1])) <= 1 or len(parts) == 2:
        fraction = parts.pop().rstrip("0")
    else:
        return ".".join(parts)
    return "".join(parts) + ("." + fraction if fraction else "")


def _term(word: str) -> str:
    """The term of a word as it stands in the text; nothing for a stop word."""
    if "0" <= word[0] <= "9":
        return plain_number(word)
    if not word.isascii():
        word = _MARKS.sub("", unicodedata.normalize("NFKD", narrow(word)))
    word = word.lower()
    return "" if word in STOP else stem(word)


class _Terms(dict[str, str]):
    def __missing__(self, word: str) -> str:
        if len(self) > 1 << 18:
            self.clear()
        self[word] = _term(word)
        return self[word]


_KNOWN = _Terms()


def terms(text: str) -> list[str]:
    """The terms of a text, in order."""
    return [term for word in (_ASCII_WORD if text.isascii() else WORD).findall(text) if (term := _KNOWN[word])]


def asked_terms(question: str) -> list[tuple[str, float]]:
    """What a question looks for, with weights: its terms, then the nouns that documents use for them."""
    asked = dict.fromkeys(terms(question), 1.0)
    for word in _ASCII_WORD.findall(question):
        for term in _NAMED.get(word.lower(), ()):
            asked.setdefault(term, _NAMED_WEIGHT)
    return list(asked.items())[:_MOST_ASKED]


class Index:
    """The terms of each unit of a text."""

    def __init__(self, text: str, units: Units) -> None:
        self.text, self.units = text, units
        self._terms = [terms(text[start:end]) for start, end in zip(units.start, units.end, strict=True)]
        headings: list[list[str]] = []
        for start, end, above in units.headings:
            headings.append((headings[above] if above >= 0 else []) + terms(text[start:end]))
        headers = [terms(text[start:end]) for start, end in units.headers]
        self._headings, self._headers = [*headings, []], [*headers, []]

    def names_headings(self, unit: int) -> bool:
        """Whether every word of the headings that a unit stands under is among its own."""
        return set(self._headings[self.units.heading[unit]]) <= set(self._terms[unit])

    def scores(self, question: str) -> list[float]:
        """A score for each unit: BM25, and more where it holds what the question asks for (a sum, a number, a date, a name).
        0 where it has neither that nor a word of the question."""
        units, n = self.units, len(self._terms)
        totals = [0.0] * n
        if not n:
            return totals
        above = [
            (len(self._headings[heading]) + len(self._headers[header]), heading, header)
            for heading, header in zip(units.heading, units.header, strict=True)
        ]
        lengths = [len(own) + more for own, (more, _, _) in zip(self._terms, above, strict=True)]
        mean = sum(lengths) / n or 1
        norms = [_K1 * (1 - _B + _B * length / mean) for length in lengths]
        for term, share in asked_terms(question):
            in_headings = [heading.count(term) for heading in self._headings]
            in_headers = [header.count(term) for header in self._headers]
            counts = [
                own.count(term) + in_headings[heading] + in_headers[header]
                for own, (_, heading, header) in zip(self._terms, above, strict=True)
            ]
            holding = n - counts.count(0)
            if not holding:
                continue
            weight = _idf(n, holding) * (_K1 + 1) * share
            for i, count in enumerate(counts):
                if count:
                    totals[i] += weight * count / (count + norms[i])
        kind = next((unit for asked, unit in _KINDS if asked.search(question)), None)
        if kind:
            held = [i for i in range(n) if kind.search(self.text[units.start[i] : units.end[i]])]
            gain = _EXPECTED * (_idf(n, len(held)) + _EXPECTED_LEAST)
            for i in held:
                totals[i] += gain
        return totals


def _idf(units: int, holding: int) -> float:
    return math.log(1 + (units - holding + 0.5) / (holding + 0.5))


def fuse(*scores: Sequence[float], k: int = 10) -> list[float]:
    """Reciprocal rank fusion: the sum of 1 / (k + rank) over the scores. A score of 0 has no rank; of equal ones the
    earlier unit ranks first."""
    fused = [0.0] * len(scores[0])
    for one in scores:
        for rank, i in enumerate(ranked(one), start=1):
            fused[i] += 1 / (k + rank)
    return fused


def ranked(scores: Sequence[float]) -> list[int]:
    """The units with a score above 0, the best first; of equal ones the earlier first."""
    return sorted((i for i, score in enumerate(scores) if score > 0), key=lambda i: -scores[i])
