"""Cutting a text into segments that are encoded independently. The rules, and why, are in docs/formats/segmentation.md;
the browser applies the same ones (src/segments/), and both read src/segments/vectors.json in their tests."""

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_WHITE = "\t\n\x0b\x0c\r \u00a0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_WHITE_RUN = re.compile(f"[{_WHITE}]+")
# A sentence end of CJK text needs no white space after it.
_CJK_END = re.compile("[。！？][”’」』）]*")
_SENTENCE_END = re.compile("[.!?…][\"'”’»)\\]]*$")
_MAY_END = frozenset(".!?…\"'”’»)]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SLICE = 128  # code points of a slice of an over-long word: at most 4 UTF-8 bytes, so at most 4 tokens, each
_HASHED = 32  # code points that give a boundary its hash
_LONGEST_CLOSING = 16  # closing quotes and brackets looked back over, after a sentence end


@dataclass(frozen=True)
class Segment:
    """One segment: its text and its token ids, without special tokens."""

    text: str
    ids: list[int]


def normalise(text: str) -> str:
    """Lone surrogates become U+FFFD, every kind of line end becomes a line feed."""
    return _SURROGATE.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")


def find_boundaries(text: str) -> list[tuple[int, int]]:
    """(position, level) of every boundary of level 0 or more, in order, for a normalised text."""
    levels: dict[int, int] = {}
    for run in _WHITE_RUN.finditer(text):
        start, end = run.span()
        if start == 0 or end == len(text):
            continue
        if end == start + 1 and text[start] == " " and text[start - 1] not in _MAY_END:
            levels[start] = 0  # nearly all: a space between words, known without a search
            continue
        newlines = run.group().count("\n")
        if newlines:
            level = min(newlines, 2) + 1
        else:
            level = int(_SENTENCE_END.search(text, max(0, start - _LONGEST_CLOSING), start) is not None)
        levels[start] = level
    for end_mark in _CJK_END.finditer(text):
        position = end_mark.end()
        rest = _WHITE_RUN.match(text, position)
        if (rest.end() if rest else position) < len(text):
            levels[position] = max(levels.get(position, 0), 1)
    return sorted(levels.items())


def boundary_hash(text: str, position: int) -> int:
    """FNV-1a (32 bit) over the 32 code points that follow the white space at a boundary."""
    run = _WHITE_RUN.match(text, position)
    start = run.end() if run else position
    value = 2166136261
    for character in text[start : start + _HASHED]:
        value = ((value ^ ord(character)) * 16777619) & 0xFFFFFFFF
    return value


@dataclass(frozen=True)
class _Piece:
    """Text that is never cut further, where it starts, and the level of the boundary before it."""

    text: str
    ids: list[int]
    level: int
    start: int


def _pieces(text: str, encode: Callable[[list[str]], list[list[int]]], limit: int) -> Iterator[_Piece]:
    """Sentences; where one is over the limit its words, and of an over-long word its slices."""
    boundaries = find_boundaries(text)

    def split(depth: int, start: int, end: int, level: int) -> Iterator[_Piece]:
        if depth == 2:
            marks = [(position, -1) for position in range(start + _SLICE, end, _SLICE)]
        else:
            marks = [mark for mark in boundaries if start < mark[0] < end and mark[1] + depth > 0]
        edges = [(start, level), *marks, (end, 0)]
        stretches = [(a, b, before) for (a, before), (b, _) in zip(edges, edges[1:])]
        for (a, b, before), ids in zip(stretches, encode([text[a:b] for a, b, _ in stretches])):
            if len(ids) <= limit or depth == 2:
                yield _Piece(text[a:b], ids, before, a)
            else:
                yield from split(depth + 1, a, b, before)

    return split(0, 0, len(text), 0)


def cut_segments(text: str, encode: Callable[[list[str]], list[list[int]]], limit: int = 512) -> list[Segment]:
    """Cuts `text` into segments of at most `limit` tokens.

    `encode` turns a list of strings into their token ids, without special tokens. The texts of the segments, joined,
    are the normalised text. An empty text has no segments.
    """
    text = normalise(text)
    if not text:
        return []
    pieces = list(_pieces(text, encode, limit))
    totals = [0, *itertools.accumulate(len(piece.ids) for piece in pieces)]

    @functools.cache
    def hash_before(number: int) -> int:
        return boundary_hash(text, pieces[number].start)

    segments: list[Segment] = []
    stack = [(0, len(pieces))]
    while stack:
        first, last = stack.pop()
        if totals[last] - totals[first] <= limit or last - first == 1:
            inside = pieces[first:last]
            segments.append(
                Segment("".join(piece.text for piece in inside), [i for piece in inside for i in piece.ids])
            )
            continue
        edges = totals[first] + totals[last]
        # Only boundaries of the highest level are compared by their hashes, which take long to compute.
        level = max(piece.level for piece in pieces[first + 1 : last])
        cut = max(
            (i for i in range(first + 1, last) if pieces[i].level == level),
            key=lambda i: (hash_before(i), -abs(2 * totals[i] - edges), -i),
        )
        stack += [(cut, last), (first, cut)]
    return segments
