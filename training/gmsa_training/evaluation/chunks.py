"""Work in pieces: records are kept after each, and none is begun when the time is up."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from gmsa_training.evaluation.record_file import RecordFile
from gmsa_training.evaluation.time_limit import TimeLimit

Item = TypeVar("Item")


def fixed_order(items: Iterable[Item]) -> list[Item]:
    """In a random order that is always the same, so that whatever is done when the time is up is a fair sample."""
    shuffled = list(items)
    random.Random(0).shuffle(shuffled)
    return shuffled


def in_pieces(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def work_through(
    chunks: Iterable[Sequence[int]],
    work: Callable[[Sequence[int]], Sequence[dict[str, Any]]],
    file: RecordFile,
    limit: TimeLimit,
) -> None:
    """Adds work(numbers), one record a number, to the file for each chunk of numbers, until the time is up; but never
    leaves the file without any record."""
    waiting = iter(chunks)
    # Asked before the next chunk is taken: taking it may be work.
    while not (limit.is_up() and file.records):
        chunk = next(waiting, None)
        if chunk is None:
            return
        file.add(dict(zip(chunk, work(chunk), strict=True)))
