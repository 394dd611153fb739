"""Chooses what to quote for a question within a budget of tokens, and renders it for the prompt. src/quotes/select.ts
is the twin of this file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gmsa_quotes.bm25 import Index, fuse, ranked
from gmsa_quotes.units import narrow

_LEAST = 8  # tokens of a unit that is cut to fit; less says nothing
_LONGEST_TOKEN = 16  # UTF-16 code units a token may be expected to hold; a longer text is not counted as a whole
_WORD_START = re.compile("[ \n\t]+")


@dataclass
class Quote:
    """Words as they stand in `text[start:end]` of the index. above: lines that belong in front of them: the headings they
    stand under, where the words do not name them, and the header row of their table. score: of its best unit."""

    text: str
    start: int
    end: int
    score: float
    above: tuple[str, ...] = ()


def select(
    index: Index,
    question: str,
    budget: int,
    count: Callable[[str], int],
    attention: Sequence[float] | None = None,
) -> list[Quote]:
    """The quotes, in the order of the text. budget: tokens that they may take when rendered. count: tokens of a text.
    attention: a second score for each unit, fused with BM25 by reciprocal rank.

    The best units are taken whole while they fit, with what stands above them (unless that alone takes half the budget);
    the first that does not fit is cut at a word, and is the last. Neighbours with one space or line feed between them
    become one quote. A text that fits as a whole is one quote. Where the text has neither a word of the question nor the
    kind of thing it asks for, and there is no attention, nothing is quoted."""
    text, units = index.text, index.units
    scores = index.scores(question)
    if text and len(text) <= budget * _LONGEST_TOKEN and count(narrow(text)) <= budget:
        return [Quote(narrow(text), 0, len(text), max(scores, default=0.0))]
    if attention is not None:
        scores = fuse(scores, attention) if any(scores) else list(attention)
    taken: dict[int, tuple[int, tuple[str, ...]]] = {}  # end of each unit taken, and what stands above it
    costs: dict[str, int] = {}
    paid: set[str] = set()
    left = budget
    for i in ranked(scores):
        start, end = units.start[i], units.end[i]
        above = _above(index, i)
        for line in above:
            if line not in costs:
                costs[line] = count(line + "\n")
        above = tuple(line for line in above if costs[line] * 2 <= budget)
        front = sum(costs[line] for line in above if line not in paid)
        cost = count(narrow(text[start:end]) + "\n")
        if not taken and left - front < min(cost, _LEAST):
            above, front = (), 0  # rather the words alone than nothing
        if front + cost > left:
            end = _cut(text, start, end, left - front, count) if left - front >= _LEAST else start
            if end > start:
                taken[i] = end, above
            break
        taken[i] = end, above
        paid.update(above)
        left -= front + cost
    return _merged(index, taken, scores)


def _cut(text: str, start: int, end: int, room: int, count: Callable[[str], int]) -> int:
    """The end of the longest part from `start` that ends before white space and fits into `room` tokens."""
    ends = [found.start() for found in _WORD_START.finditer(text, start, end)]
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        if count(narrow(text[start : ends[middle]]) + "\n") <= room:
            low = middle + 1
        else:
            high = middle
    return ends[low - 1] if low else start


def _above(index: Index, i: int) -> tuple[str, ...]:
    """The headings from the outermost in, on one line, unless all their words are the unit's own; and the header row."""
    units, lines = index.units, []
    if units.heading[i] >= 0 and (units.header[i] >= 0 or not index.names_headings(i)):
        path, heading = [], units.heading[i]
        while heading >= 0:
            start, end, heading = units.headings[heading]
            path.append(narrow(index.text[start:end]))
        lines.append(" > ".join(reversed(path)))
    if units.header[i] >= 0:
        start, end = units.headers[units.header[i]]
        lines.append(narrow(index.text[start:end]))
    return tuple(lines)


def _merged(index: Index, taken: dict[int, tuple[int, tuple[str, ...]]], scores: Sequence[float]) -> list[Quote]:
    text, units = index.text, index.units
    quotes: list[Quote] = []
    last = -2
    for i in sorted(taken):
        start, (end, above) = units.start[i], taken[i]
        together = (
            i == last + 1
            and taken[last][0] == units.end[last]
            and (units.heading[i], units.header[i]) == (units.heading[last], units.header[last])
            and text[units.end[last] : start] in (" ", "\n")
        )
        if together:
            before = quotes[-1]
            score = max(before.score, scores[i])
            quotes[-1] = Quote(narrow(text[before.start : end]), before.start, end, score, before.above or above)
        else:
            quotes.append(Quote(narrow(text[start:end]), start, end, scores[i], above))
        last = i
    return quotes


def render(quotes: Sequence[Quote]) -> str:
    """What the model reads: each quote on a line of its own, as it stands, and before it, each on a line of its own, what
    stands above it and is not shown yet."""
    lines: list[str] = []
    shown: set[str] = set()
    for quote in quotes:
        lines += [line for line in quote.above if line not in shown]
        shown.update(quote.above)
        lines.append(quote.text)
    return "\n".join(lines)
