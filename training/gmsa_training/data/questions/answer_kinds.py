"""Kinds of answers by simple rules, so that an answer can be replaced by another one of its kind."""

import random
import re

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_MONTH = re.compile(rf"\b(?:{MONTHS}|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?")
_YEAR = re.compile(r"1[0-9]{3}|20[0-2][0-9]")
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen "
    "twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion trillion half dozen"
)
_NUMBER_WORDS = frozenset(_UNITS.split())
_SMALL = frozenset("of the and de la le du des del van von der den di da dos el al bin ibn for in on at to a an".split())
# A phrase is replaced by one that begins alike.
_BEGINNINGS = frozenset(
    "a an the to by in within into for with without from on at as of through during between under over their his her its".split()
)
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)\b")
_NUMBER = re.compile(r"\d[\d,.]*\d|\d")


def kind_of(answer: str) -> str | None:
    """The kind of an answer, with its shape; None for one that is not to be replaced: yes, no, and longer phrases."""
    words = answer.split()
    if not words or answer.lower().strip(".") in ("yes", "no") or "\n" in answer or len(words) > 8:
        return None
    if _YEAR.fullmatch(answer):
        return "year"
    if re.search(r"\d", answer):
        if _MONTH.search(answer):
            return "date " + re.sub(r"\d{1,2}", "9", re.sub(r"\d{4}", "Y", _MONTH.sub("M", answer)))
        return "number" if len(words) <= 4 else None
    if all(part in _NUMBER_WORDS for part in re.split(r"[\s-]+", answer.lower())):
        return f"number word {len(words)} {answer[0].isupper()}"
    return _name_kind(words) or _phrase_kind(answer, words)


def _name_kind(words: list[str]) -> str | None:
    article = words[0] if words[0] in ("the", "The") else ""
    names = words[1:] if article else words
    if not names or not (names[0][0].isupper() and names[-1][0].isupper()):
        return None
    if not all(word[0].isupper() or word in _SMALL for word in names):
        return None
    if len(names) == 1 and names[0].isupper() and len(names[0]) > 1:
        return f"acronym {article}"
    return f"name {min(3, len(names))} {article}"


def _phrase_kind(answer: str, words: list[str]) -> str | None:
    if len(words) > 4 or answer != answer.lower() or not re.fullmatch(r"[^\W\d_][\w '’-]*", answer):
        return None
    return f"phrase {len(words)} {words[0] if words[0] in _BEGINNINGS else ''}"


def other_number(answer: str, draw: random.Random) -> str:
    """The answer with other digits in the same shape: separators, signs, units and the number of digits stay."""

    def digits(match: re.Match[str]) -> str:
        found = match.group()
        if _YEAR.fullmatch(found):
            # A year stays in or near its century, a decade a decade.
            decade = answer[match.end() : match.end() + 1] == "s" and found[-1] == "0"
            return found[:2] + str(draw.randrange(10)) + (found[3] if decade else str(draw.randrange(10)))
        other = [str(draw.randrange(10)) if one.isdigit() else one for one in found]
        if found[0] != "0":
            other[0] = draw.choice("123456789")
        return "".join(other)

    def ordinal(match: re.Match[str]) -> str:
        number = draw.randrange(10 ** (len(match[1]) - 1), 10 ** len(match[1]))
        teen = number % 100 in (11, 12, 13)
        return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"

    return _ORDINAL.sub(ordinal, answer) if _ORDINAL.search(answer) else _NUMBER.sub(digits, answer)
