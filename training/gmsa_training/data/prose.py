"""Windows of prose."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Sequence

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN


class ProseSource:
    """Draws windows of text, every document weighted by its length."""

    def __init__(self, texts: Sequence[str]) -> None:
        if not texts:
            raise DataError("There is no prose to draw from.")
        self.texts = texts
        self.ends = list(itertools.accumulate(len(text) for text in texts))

    def draw(self, draw: random.Random, tokens: int) -> str:
        """A piece of one document with a little more than `tokens` tokens, unless the document ends before."""
        text = self.texts[bisect.bisect_right(self.ends, draw.randrange(self.ends[-1]))]
        characters = int(tokens * CHARACTERS_PER_TOKEN * 1.5) + 64
        if len(text) <= characters:
            return text
        start = draw.randrange(-characters // 2, len(text) - characters // 2)
        start = max(0, min(start, len(text) - characters))
        space = text.find(" ", start, start + 40) if start else 0
        return text[max(start, space) : start + characters]
