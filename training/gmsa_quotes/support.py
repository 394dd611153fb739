"""Whether an answer stands in its source word for word. src/quotes/support.ts is the twin of this file; vectors.json
pins both. Texts are `wide`, places are UTF-16 code units."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from gmsa_quotes.bm25 import STOP, WORD, plain_number
from gmsa_quotes.units import narrow

_CHUNK = re.compile("[^ \n\t]+")
_DIGIT = re.compile("[0-9]")
_VERDICTS = frozenset({"yes", "no"})  # in these an answer says what stands nowhere in the source
_ENDS_NAME = re.compile("[,;:.!?)\\]\"\u201d]$")
_INITIAL = re.compile("[A-Z]\\.$")
_AMBIGUOUS = re.compile("[1-9][0-9]{0,2}\\.[0-9]{3}$")  # thousands or thousandths

_Word = tuple[str, int, int]
Range = tuple[int, int]


@dataclass
class Part:
    """A number (or a code with digits in it) or a name in the answer, and its place in the source."""

    start: int
    end: int
    kind: str
    source: Range | None = None


@dataclass
class Support:
    """source: where the whole answer stands. supported: it does, or it has numbers and names and all of them do."""

    source: Range | None
    parts: list[Part]
    supported: bool


def find_support(answer: str, source: str, quotes: Iterable[Range] = ()) -> Support:
    """Looks for an answer, and for each number and name in it, in the text that it was read from. Case, white space,
    punctuation and full width do not matter; numbers are equal whatever their separators ("1,250.00", "1250", "1.250,00"),
    unless those can be read in two ways ("1.250"). Of several places the first inside a quote counts, else the first."""
    stretches = [_words(source, start, end) for start, end in [*quotes, (0, len(source))]]
    words = _words(answer, 0, len(answer))
    verdict = len(words) == 1 and words[0][0] in _VERDICTS
    whole = None if verdict else _find(words, stretches)
    parts = _parts(answer)
    for part in parts:
        part.source = _find(_words(answer, part.start, part.end), stretches)
    return Support(whole, parts, whole is not None or bool(parts) and all(part.source for part in parts))


def _find(wanted: list[_Word], stretches: list[list[_Word]]) -> Range | None:
    keys = [key for key, _, _ in wanted]
    for words in stretches if keys else ():
        for i in range(len(words) - len(keys) + 1):
            if all(words[i + k][0] == key for k, key in enumerate(keys)):
                return words[i][1], words[i + len(keys) - 1][2]
    return None


def _words(text: str, start: int, end: int) -> list[_Word]:
    part = text[start:end]
    return [(_key(found.group()), start + found.start(), start + found.end()) for found in WORD.finditer(part)]


def _key(word: str) -> str:
    if not _DIGIT.match(word):
        return unicodedata.normalize("NFKC", narrow(word)).lower()
    return word if _AMBIGUOUS.match(word) else plain_number(word)


def _parts(answer: str) -> list[Part]:
    parts: list[Part] = []
    goes_on = False  # whether the next capitalised word belongs to the name before it
    for chunk in _CHUNK.finditer(answer):
        words = _words(answer, chunk.start(), chunk.end())
        if not words:
            goes_on = False
            continue
        key, start, _ = words[0]
        end = words[-1][2]
        name = answer[start] != answer[start].lower() and (goes_on or key not in STOP | _VERDICTS)
        if _DIGIT.search(chunk.group()):
            parts.append(Part(start, end, "number"))
            goes_on = False
        elif name:
            if goes_on:
                parts[-1].end = end
            else:
                parts.append(Part(start, end, "name"))
            goes_on = not _ENDS_NAME.search(chunk.group()) or bool(_INITIAL.match(chunk.group()))
        else:
            goes_on = False
    return parts
