"""Contexts cut down to a number of tokens: their beginning, or the sentences that BM25 finds nearest to the question."""

import functools
import os
from collections.abc import Callable

import numpy as np

from gmsa_training.data.segments import find_boundaries, normalise


def soft_token_count(segments: list[list[int]], rate: int) -> int:
    """The soft tokens that segments become at a rate: the budget of a hard compression to compare with."""
    return sum(-(-len(ids) // rate) for ids in segments)


def sentences(text: str) -> list[str]:
    """The text in pieces that end at a sentence or a line, each with the white space before it."""
    text = normalise(text)
    edges = [0, *(position for position, level in find_boundaries(text) if level > 0), len(text)]
    return [text[start:end] for start, end in zip(edges, edges[1:]) if end > start]


class SentenceIndex:
    """BM25 (k1 1.5, b 0.75, English stop words left out) over the sentences of one text."""

    def __init__(self, text: str, encode: Callable[[list[str]], list[list[int]]]) -> None:
        # Where there is JAX, importing bm25s makes it take most of the GPU's memory, of which BM25 needs none.
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        import bm25s

        self._words = functools.partial(bm25s.tokenize, stopwords="en", return_ids=False, show_progress=False)
        pieces = sentences(text)
        self.ids = encode(pieces) if pieces else []
        words = self._words(pieces) if pieces else []
        self._retriever = None
        if any(words):
            self._retriever = bm25s.BM25(k1=1.5, b=0.75)
            self._retriever.index(words, show_progress=False)

    def _scores(self, question: str) -> np.ndarray:
        (words,) = self._words([question])
        if self._retriever is None or not words:
            return np.zeros(len(self.ids))
        return self._retriever.get_scores(words)

    def select(self, question: str, budget: int) -> list[int]:
        """At most `budget` token ids: the sentences of the highest scores (of equal ones, the earlier), in the order
        of the text. The last one that is taken is cut to the room that is left, so that the budget is used up."""
        kept: dict[int, list[int]] = {}
        for number in np.argsort(-self._scores(question), kind="stable"):
            if budget <= 0:
                break
            kept[int(number)] = self.ids[number][:budget]
            budget -= len(kept[int(number)])
        return [token for number in sorted(kept) for token in kept[number]]
