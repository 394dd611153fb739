"""Porter's stemmer (1980) with the two departures of his own later code ("abli" became "bli", "logi" was added).
src/quotes/stemmer.ts is the twin of this file; https://tartarus.org/martin/PorterStemmer has the rules."""

from __future__ import annotations

import re

_C, _V = "(?:[^aeiou][^aeiouy]*)", "(?:[aeiouy][aeiou]*)"
_SOME = re.compile(f"{_C}?{_V}{_C}")  # measure above 0
_ONE = re.compile(f"{_C}?{_V}{_C}{_V}?$")  # measure 1
_MORE = re.compile(f"{_C}?{_V}{_C}{_V}{_C}")  # measure above 1
_VOWEL = re.compile(f"{_C}?[aeiouy]")
_SHORT = re.compile(f"{_C}[aeiouy][^aeiouwxy]$")
_DOUBLE = re.compile("([^aeioulsz])\\1$")

_STEP_2 = dict(
    pair.split(":")
    for pair in "ational:ate tional:tion enci:ence anci:ance izer:ize bli:ble alli:al entli:ent eli:e ousli:ous ization:ize"
    " ation:ate ator:ate alism:al iveness:ive fulness:ful ousness:ous aliti:al iviti:ive biliti:ble logi:log".split()
)
_STEP_3 = dict(pair.split(":") for pair in "icate:ic ative: alize:al iciti:ic ical:ic ful: ness:".split())
_SUFFIX_2 = re.compile(f"(.+?)({'|'.join(_STEP_2)})$")
_SUFFIX_3 = re.compile(f"(.+?)({'|'.join(_STEP_3)})$")
_SUFFIX_4 = re.compile("(.+?)(al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|ou|ism|ate|iti|ous|ive|ize)$")
_WORD = re.compile("[a-z]{3,40}$")


def stem(word: str) -> str:
    """The stem of a lower-case word; words of other letters than a to z come back unchanged."""
    if not _WORD.match(word):
        return word
    y_first = word[0] == "y"
    if y_first:
        word = "Y" + word[1:]  # a consonant here
    if word.endswith(("sses", "ies")):
        word = word[:-2]
    elif word[-1] == "s" and word[-2] != "s":
        word = word[:-1]
    if word.endswith("eed"):
        if _SOME.match(word[:-3]):
            word = word[:-1]
    else:
        base = word[:-2] if word.endswith("ed") else word[:-3] if word.endswith("ing") else ""
        if base and _VOWEL.match(base):
            word = base
            if word.endswith(("at", "bl", "iz")) or _SHORT.match(word):
                word += "e"
            elif _DOUBLE.search(word):
                word = word[:-1]
    if word[-1] == "y" and _VOWEL.match(word[:-1]):
        word = word[:-1] + "i"
    for suffix, changes in ((_SUFFIX_2, _STEP_2), (_SUFFIX_3, _STEP_3)):
        found = suffix.match(word)
        if found and _SOME.match(found.group(1)):
            word = found.group(1) + changes[found.group(2)]
    found = _SUFFIX_4.match(word)
    if found:
        if _MORE.match(found.group(1)):
            word = found.group(1)
    elif word.endswith(("sion", "tion")) and _MORE.match(word[:-3]):
        word = word[:-3]
    if word[-1] == "e":
        base = word[:-1]
        if _MORE.match(base) or (_ONE.match(base) and not _SHORT.match(base)):
            word = base
    if word.endswith("ll") and _MORE.match(word):
        word = word[:-1]
    return "y" + word[1:] if y_first else word
