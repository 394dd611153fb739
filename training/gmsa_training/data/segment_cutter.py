"""Cuts many texts into segments on all cores, and keeps what it has cut."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tokenizers import Tokenizer

from gmsa_training.data.segments import cut_segments

_WORTH_PROCESSES = 2_000_000  # characters; starting the processes takes about as long as cutting so many
_in_process: tuple[Tokenizer, int]


def _start(tokenizer: str, limit: int) -> None:
    global _in_process
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # every core has a process of its own
    _in_process = Tokenizer.from_str(tokenizer), limit


def _cut(text: str) -> list[list[int]]:
    return _cut_with(*_in_process, text)


def _cut_with(tokenizer: Tokenizer, limit: int, text: str) -> list[list[int]]:
    def encode(texts: list[str]) -> list[list[int]]:
        return [found.ids for found in tokenizer.encode_batch(texts, add_special_tokens=False)]

    return [segment.ids for segment in cut_segments(text, encode, limit)]


class SegmentCutter:
    """Token ids of the segments of texts. Several evaluations of the same texts share one, so that they are cut once."""

    def __init__(self, tokenizer: Tokenizer, limit: int, processes: int | None = None) -> None:
        """limit: tokens a segment. processes: a process a core otherwise."""
        self.tokenizer, self.limit = tokenizer, limit
        self.processes = processes or os.cpu_count() or 1
        self._kept: dict[str, list[list[int]]] = {}

    def cut(self, texts: Iterable[str]) -> dict[str, list[list[int]]]:
        """Segments of each text."""
        texts = list(dict.fromkeys(texts))
        new = [text for text in texts if text not in self._kept]
        if self.processes > 1 and sum(map(len, new)) >= _WORTH_PROCESSES:
            # Spawned, not forked: the process may hold a GPU and threads.
            with ProcessPoolExecutor(
                self.processes, get_context("spawn"), _start, (self.tokenizer.to_str(), self.limit)
            ) as pool:
                found = list(pool.map(_cut, new, chunksize=max(1, len(new) // (8 * self.processes))))
        else:
            found = [_cut_with(self.tokenizer, self.limit, text) for text in new]
        self._kept |= zip(new, found)
        return {text: self._kept[text] for text in texts}
