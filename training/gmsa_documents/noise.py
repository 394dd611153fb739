"""What scanning, PDFs and typing do to a text. Answers stay as they read once the invisible is normalised away."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable

SOFT_HYPHEN, ZERO_WIDTH_SPACE, NO_BREAK_SPACE = "\u00ad", "\u200b", "\u00a0"
LIGATURES = {"ffi": "ﬃ", "ffl": "ﬄ", "ff": "ﬀ", "fi": "ﬁ", "fl": "ﬂ"}
_SHARE = 0.05  # of documents, for each kind of noise
_LONG = re.compile(r"(?<![<|/@.\w-])[A-Za-z]{6,}(?![>|/@.\w-])")
_TYPED = re.compile(r"(?<![\w<|/@-])[a-z]{6,}(?![\w>|/@-])")


def noisy(text: str, kept: Iterable[str], rng: random.Random) -> str:
    """kept: texts whose words must not get a typing error."""
    way = rng.random() / _SHARE
    if way < 1:
        return _LONG.sub(lambda word: _hyphenated(word[0], rng), text)
    if way < 2:
        sign = rng.choice((NO_BREAK_SPACE, " " + ZERO_WIDTH_SPACE))
        return re.sub(" ", lambda _: sign if rng.random() < 0.15 else " ", text)
    if way < 3:
        return re.sub("|".join(LIGATURES), lambda found: LIGATURES[found[0]], text)
    if way < 4:
        words = set(re.findall(r"\w+", " ".join(kept).lower()))
        return _TYPED.sub(lambda word: _mistyped(word[0], words, rng), text)
    return text


def _hyphenated(word: str, rng: random.Random) -> str:
    cut = rng.randint(2, len(word) - 2)
    return word[:cut] + SOFT_HYPHEN + word[cut:] if rng.random() < 0.5 else word


def _mistyped(word: str, kept: set[str], rng: random.Random) -> str:
    if word in kept or rng.random() > 0.06:
        return word
    place = rng.randint(1, len(word) - 3)
    one, two = word[place : place + 2]
    return word[:place] + rng.choice((two + one, one, one + one + two)) + word[place + 2 :]
