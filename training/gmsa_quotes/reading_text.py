"""What the model reads of a reader's text, and where each part of it stands there. src/segments/reading-text.ts is the
twin of this file; src/quotes/vectors.json pins both."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

# Between two such characters a zero-width joiner or non-joiner carries meaning (Persian, Indic scripts, emoji); beside
# Latin letters, spaces, or the ligatures of PDFs it does not.
_JOINED = "\u0300-\u061b\u061d-\u1fff\u2070-\u2fff\u3001-\ufaff\ufb07-\ufefe\uff00-\U0010ffff"
_KEEPS_JOINER = re.compile(f"[{_JOINED}]")
_JOINERS = re.compile("[\u200c\u200d]")
_CHANGED = re.compile(
    "(?P<hyphen>\u00ad+(?:[ \t]{0,4}(?:\r\n?|\n)[ \t]{0,8}(?=[a-z\u00df-\u00ff\u0430-\u045f]))?)"
    "|(?P<hidden>[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]+)"
    "|(?P<joiner>[\u200c\u200d]+)"
    "|(?P<line>\r\n?|[\u0085\u2028\u2029\x0b\x0c])"
    "|(?P<space>[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000])"
    "|(?P<ligature>[\ufb00-\ufb06])"
    "|(?P<lone>[\ud800-\udfff])"
)
# Any character that may be changed, or that a change begins with: most texts have none.
_ANY = re.compile(
    "[\x0b-\r\u0085\u00a0\u00ad\u061c\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064"
    "\u2066-\u2069\u3000\ud800-\udfff\ufb00-\ufb06\ufeff]"
)
_LIGATURES = ("ff", "fi", "fl", "ffi", "ffl", "st", "st")


@dataclass
class ReadingText:
    """The text that is read, and the places where it is shorter or longer than the reader's own."""

    text: str
    # One entry for each change of length: where it starts and ends in the reading text and in the source.
    _start: list[int] = field(default_factory=list)
    _end: list[int] = field(default_factory=list)
    _source_start: list[int] = field(default_factory=list)
    _source_end: list[int] = field(default_factory=list)

    def to_source(self, start: int, end: int) -> tuple[int, int]:
        """The place in the source of `text[start:end]`, in code points. Removed characters at its ends are left out; a
        ligature that is touched is taken whole."""
        first = self._source(start, bisect_right(self._end, start) - 1, "start")
        if end <= start:
            return first, first
        return first, self._source(end, bisect_left(self._start, end) - 1, "end")

    def _source(self, at: int, before: int, side: str) -> int:
        if side == "start":
            inside = before + 1
            if inside < len(self._start) and self._start[inside] < at < self._end[inside]:
                return self._source_start[inside]
        elif before >= 0 and at < self._end[before]:
            return self._source_end[before]
        return at if before < 0 else self._source_end[before] + at - self._end[before]


def reading_text(source: str) -> ReadingText:
    """Normalises a text for reading. A text without anything to change comes back as the same object.

    Contains `normalise` of gmsa_training.data.segments (line ends become line feeds, lone surrogates U+FFFD), so its
    result passes through that unchanged. Besides: soft hyphens (with the line end after them, where the word goes on),
    zero-width spaces, byte order marks, and controls of direction vanish; joiners vanish where they mean nothing; other
    line separators become line feeds; every Unicode space becomes a space; the Latin ligatures become their letters.
    A plain hyphen at the end of a line stays: whether it belongs to the word cannot be known."""
    if not _ANY.search(source):
        return ReadingText(source)
    result, parts, copied, shift = ReadingText(source), [], 0, 0
    for found in _CHANGED.finditer(source):
        start, end = found.span()
        kind = found.lastgroup
        new = ""
        if kind == "joiner":
            if start and end < len(source) and _KEEPS_JOINER.match(source[start - 1]) and _KEEPS_JOINER.match(source[end]):
                continue
        elif kind == "line":
            new = "\n"
        elif kind == "space":
            new = " "
        elif kind == "ligature":
            new = _LIGATURES[ord(source[start]) - 0xFB00]
        elif kind == "lone":
            new = "\ufffd"
        parts += source[copied:start], new
        copied = end
        if len(new) != end - start:
            result._start.append(start + shift)
            result._end.append(start + shift + len(new))
            result._source_start.append(start)
            result._source_end.append(end)
            shift += len(new) - (end - start)
    if parts:
        parts.append(source[copied:])
        result.text = "".join(parts)
    return result
