"""Cuts a text into units that make sense when they are quoted alone: sentences, list items, rows of tables, `key: value`
lines, lines of code and logs. src/quotes/units.ts is the twin of this file.

Everything in this package counts UTF-16 code units, as the browser does: `wide` gives the text so, `narrow` undoes it.
Regular expressions use no class whose meaning differs between Python and JavaScript."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field

LONGEST = 400  # weight of the longest unit: a character counts 1, one of CJK 3; about 96 tokens
SENTENCE, ITEM, ROW, PAIR, LINE = range(5)

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_ALNUM = re.compile("[0-9A-Za-z\u00aa-\u00ff\u0100-\u1fff\u2c00-\u2dff\u3005-\ufdff\ufe70-\uffef]")
_FENCE = re.compile("(?:```|~~~)")
_ATX = re.compile("(#{1,6})[ \t]+")
_UNDERLINE = re.compile("(?:=+|-{3,})$")
_MARKER = re.compile(
    "(?:[-*+\u2022\u2023\u25aa\u25cf\u25e6\u2013\u2014]|\\(?(?:[0-9]{1,3}|[A-Za-z]|[ivx]{1,4})[.)])[ \t]+(?=[^ \t])"
)
_PAIR = re.compile(
    "[\"'*_> \t]{0,4}[A-Za-z\u00c0-\uffff][^:=.!?\n]{0,47}(?:\\.[ \t])?[\"'*_]{0,3}[ \t]*"
    "(?::[\"'*_]{0,3}[ \t]+|=[ \t]*)[^ \t]"
)
_SECTION = re.compile("(?:chapter|section|part|article|appendix|annex|schedule|clause)[ \t]", re.IGNORECASE | re.ASCII)
_NOT_TITLE = re.compile("[{}=;<>|\t]|  |[0-9]:[0-9]|[.!?:;,]$")
_STARTS = re.compile("[A-Za-z0-9\"'(\u00aa-\uffff]")
_LOWER = re.compile("[a-z\u00df-\u00f6\u00f8-\u00ff\u03b1-\u03c9\u0430-\u045f]")
_SEPARATOR = re.compile("[|+:= \t-]+$")
_GAP = re.compile("[^ ](?: {2,}|[ \t]{0,3}\\.{3,}[ \t]{0,3}|[ \t]{0,3}_{3,}[ \t]{0,3})[^ ]")
_CELL_GAP = re.compile("  +|[ \t]{0,3}\\.{3,}[ \t]{0,3}|[ \t]{0,3}_{3,}[ \t]{0,3}")
_VALUE = re.compile("[ \t\"'(*+\u2212$\u00a3\u20ac\u00a5#-]{0,4}[0-9]")
_END = re.compile(
    "[.!?\u2026\u061f\u06d4]+[\"'\u201d\u2019\u00bb)\\]*_]{0,8}"
    "|[\u3002\uff01\uff1f\u0964\u0965]+[\u201d\u2019\u300d\u300f\uff09]{0,8}"
)
_LAST = ".!?\u2026\"'\u201d\u2019)\u3002\uff01\uff1f\u0964\u061f"
_ENDS_ALONE = "\u3002\uff01\uff1f\u0964\u0965"  # need no white space after them
_SKIPPED = re.compile("[ \n\t]+[\"'\u201c\u2018\u00ab(\\[*_\u00bf\u00a1]{0,4}")
_HEAVY = re.compile("[\u2e80-\uffff]")
_CLAUSE = re.compile("[,;:\u2013\u2014\u3001\uff0c\uff1b][ \n]?")
_TITLES = frozenset(
    "mr mrs ms dr prof st sr jr rev hon gov sen rep pres gen col lt sgt capt cmdr mt ft messrs mme fr".split()
)
_SHORTENED = frozenset(
    "etc inc ltd co corp bros no nos vs v cf al approx ca c dept est fig figs eq sec ch chap vol vols p pp ed eds art"
    " para tel jan feb mar apr jun jul aug sep sept oct nov dec ave blvd rd sq min max avg incl excl ext ph nr op b d r".split()
)
_STARTERS = frozenset(
    "the a an in on at it he she they we you i this that these those his her their its there however but and if when"
    " after before as by for from with while although since what who how why where is are was were do does".split()
)


def wide(text: str) -> str:
    """The text with each code point above U+FFFF as its two surrogates, so that offsets are the browser's."""
    if text.isascii() or not _ASTRAL.search(text):
        return text
    return "".join(map(chr, array("H", text.encode("utf-16-le", "surrogatepass"))))


def narrow(text: str) -> str:
    """Undoes `wide`."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@dataclass
class Units:
    """Columns, one entry a unit, in the order of the text; units never overlap. heading: number of the innermost
    heading a unit stands under, header: number of the header row of its table; −1 where there is none."""

    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    kind: list[int] = field(default_factory=list)
    heading: list[int] = field(default_factory=list)
    header: list[int] = field(default_factory=list)
    # (start, end, number of the heading above or −1) and (start, end)
    headings: list[tuple[int, int, int]] = field(default_factory=list)
    headers: list[tuple[int, int]] = field(default_factory=list)


class _Cutter:
    def __init__(self, text: str) -> None:
        self.text, self.units = text, Units()
        self.stack: list[tuple[int, int]] = []  # (level, number) of the headings that hold now
        self.unused = -1  # the last heading, while no unit stands under it
        self.code = False
        self.key = ""  # of the first line of the block before

    def add(self, start: int, end: int, kind: int, header: int = -1) -> None:
        """Adds a unit; one over the limit is cut."""
        units = self.units
        for a, b in self.shortened(start, end) if end - start > LONGEST // 3 else ((start, end),):
            units.start.append(a)
            units.end.append(b)
            units.kind.append(kind)
            units.heading.append(self.stack[-1][1] if self.stack else -1)
            units.header.append(header)
        self.unused = -1

    def shortened(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The stretch in parts of at most LONGEST, cut after a clause, else before a word, else anywhere."""
        text = self.text
        while end - start > LONGEST // 3:
            limit = min(end, start + LONGEST)
            if _HEAVY.search(text, start, limit):
                weight, limit = 0, start
                while limit < end and weight < LONGEST:
                    weight += 3 if text[limit] >= "\u2e80" else 1
                    limit += 1
            if limit >= end:
                break
            low, cut = start + (limit - start) // 2, -1
            for found in _CLAUSE.finditer(text, low, limit):
                if found.group()[-1] in " \n\u3001\uff0c\uff1b":
                    cut = found.end()
            if cut < 0:
                cut = max(text.rfind(" ", low, limit), text.rfind("\n", low, limit)) + 1
            if cut <= low:
                cut = limit - ("\udc00" <= text[limit] <= "\udfff")
            last = cut
            while last > start and text[last - 1] in " \n\t":
                last -= 1
            if last > start:
                yield start, last
            start = cut
            while start < end and text[start] in " \n\t":
                start += 1
        if start < end:
            yield start, end

    def head(self, start: int, end: int, level: int) -> None:
        """Opens a heading. Level: 1–6 of Markdown, 8 a plain title, 9 one straight after it, 10 a lead-in that ends with a
        colon."""
        if self.unused >= 0 and level == self.stack[-1][0] == 8:
            level += 1  # a title straight after a title stands under it
        self.close(level)
        units = self.units
        units.headings.append((start, end, self.stack[-1][1] if self.stack else -1))
        self.unused = len(units.headings) - 1
        self.stack.append((level, self.unused))

    def close(self, level: int) -> None:
        """Ends the headings of this level and below. One that nothing stands under becomes a unit itself."""
        if self.unused >= 0 and self.stack[-1][0] >= level:
            start, end, _ = self.units.headings[self.unused]
            self.stack.pop()
            self.add(start, end, LINE)
        while self.stack and self.stack[-1][0] >= level:
            self.stack.pop()

    def block(self, lines: list[tuple[int, int]], following: tuple[int, int] | None) -> None:
        """One stretch of lines without a blank one. following: the first line of the next block."""
        text, n = self.text, len(lines)
        first = text[slice(*lines[0])]
        key = first[: first.find(":") + 1]
        if self.stack and self.stack[-1][0] == 10 and self.unused < 0 and not _MARKER.match(first):
            self.close(10)
        if (
            n > 1
            and not self.code
            and key
            and len(key) < 50
            and (key == self.key or (following and text.startswith(key, following[0])))
            and sum(":" in text[slice(*line)] for line in lines) * 4 >= n * 3
        ):
            self.add(lines[0][0], lines[-1][1], ROW)  # a record: blocks that start with the same key
            self.key = key
            return
        self.key = key
        widest = max(end - start for start, end in lines)
        i = 0
        while i < n:
            start, end = lines[i]
            line = text[start:end]
            more = i + 1 < n or following is not None
            if _FENCE.match(line):
                self.code = not self.code
            elif not _ALNUM.search(line):
                pass
            elif self.code:
                self.add(start, end, LINE)
            elif len(line) <= 200 and (found := _ATX.match(line)):
                self.head(start + found.end(), end, len(found.group(1)))
            elif i + 1 < n and self.underlined(line, text[slice(*lines[i + 1])]):
                self.head(start, end, 1 if text[lines[i + 1][0]] == "=" else 2)
                i += 1
            elif (last := self.table(lines, i)) > i:
                i = last
                continue
            elif self.title(lines, i, widest, following):
                self.head(start, end, 8)
            else:
                item = _MARKER.match(line)
                last = i
                while last + 1 < n and self.wrapped(lines, last, widest, item is not None):
                    last += 1
                end = lines[last][1]
                if item:
                    self.item(start, end)
                elif line[-1] == ":" and last == i and len(line) <= 120 and more:
                    self.head(start, end, 10)
                elif end - start <= 240 and _PAIR.match(line):
                    self.add(start, end, PAIR)
                else:
                    self.sentences(start, end)
                i = last
            i += 1

    def underlined(self, line: str, below: str) -> bool:
        return len(line) <= 100 and "|" not in line and bool(_UNDERLINE.match(below)) and not _GAP.search(line)

    def title(self, lines: list[tuple[int, int]], i: int, widest: int, following: tuple[int, int] | None) -> bool:
        text, (start, end) = self.text, lines[i]
        line = text[start:end]
        if i or end - start > 100 or not _STARTS.match(line) or _NOT_TITLE.search(line) or line.count(" ") > 14:
            return False
        if len(lines) == 1:
            if following is None:
                return False
            if _MARKER.match(line):
                return not _MARKER.match(text, following[0])
            return bool(_SECTION.match(line)) or not _PAIR.match(line)
        following_line = text[slice(*lines[1])]
        if _MARKER.match(line) or (_PAIR.match(line) and _PAIR.match(following_line)):
            return False
        return not self.wrapped(lines, i, widest, False)

    def wrapped(self, lines: list[tuple[int, int]], i: int, widest: int, item: bool) -> bool:
        """Whether line i goes on in the next, which its width forced."""
        text, (start, end), (after, after_end) = self.text, lines[i], lines[i + 1]
        line, following = text[start:end], text[after:after_end]
        if not _STARTS.match(following) or _MARKER.match(following) or line[-1] in "{};|:" or "  " in following:
            return False
        if item and text[after - 1] in " \t":
            return True  # set in, as an item's further lines are
        if line.count(" ") < 4 or end - start < 30 or (line[0] in "0123456789[" and line[0] == following[0]):
            return False
        if _LOWER.match(following) and line[-1] not in ".!?":
            return True
        word = following.find(" ")
        return (
            50 <= widest <= 130
            and not _PAIR.match(following)
            and end - start + 1 + (len(following) if word < 0 else word) >= widest - 1
        )

    def item(self, start: int, end: int) -> None:
        if end - start <= LONGEST * 3 // 4:
            self.add(start, end, ITEM)
        else:
            self.sentences(start, end, ITEM)

    def sentences(self, start: int, end: int, kind: int = SENTENCE) -> None:
        text, begin = self.text, start
        for found in _END.finditer(text, start, end):
            stop = found.end()
            if stop >= end:
                break
            if text[stop] not in " \n\t" and found.group()[0] not in _ENDS_ALONE:
                continue
            if not self.ends(begin, found.start(), found.group(), stop, end):
                continue
            self.add(begin, stop, kind)
            begin = stop
            while begin < end and text[begin] in " \n\t":
                begin += 1
        if begin < end:
            if kind == SENTENCE and begin == start and text[end - 1] not in _LAST:
                kind = LINE
            self.add(begin, end, kind)

    def ends(self, begin: int, mark: int, ending: str, stop: int, end: int) -> bool:
        """Whether a sentence that starts at `begin` ends with the ending at `mark`."""
        text = self.text
        if ending[0] in _ENDS_ALONE:
            return True
        after = stop + 1
        if after >= end or not "A" <= text[after] <= "Z":
            skipped = _SKIPPED.match(text, stop, end)
            after = skipped.end() if skipped else stop
            if after >= end or _LOWER.match(text, after):
                return False
        if ending[0] != "." or len(ending) > 1 and ending[1] == ".":
            return True
        low = mark
        while low > begin and mark - low < 12 and text[low - 1] not in " \n\t(\"'\u201c\u2018[":
            low -= 1
        word = text[low:mark]
        if not word or (low == begin and len(word) <= 3):
            return False  # nothing, or the number of a point
        lowered = word.lower()
        if lowered in _TITLES:
            return False
        initial = len(word) == 1 and word != lowered
        if initial or "." in word or lowered in _SHORTENED:
            if "0" <= word[0] <= "9":
                return True
            tail = after
            while tail < end and tail - after < 12 and text[tail] not in " \n\t,.;:'\u2019":
                tail += 1
            follower = text[after:tail]
            return follower.lower() in _STARTERS and follower[0] != follower[0].lower()
        return True

    def table(self, lines: list[tuple[int, int]], i: int) -> int:
        """Adds the rows of a table that starts at line i; gives the line after it, i where there is none."""
        text = self.text
        rows = [text[slice(*lines[k])] for k in range(i, min(i + 2, len(lines)))]
        if len(rows) < 2:
            return i
        first, second = rows
        # A long run of lines is always taken, so that no line is looked at more than a few times.
        if "|" in first and "|" in second:
            ruled = "-" in second and bool(_SEPARATOR.match(second))
            count = first.count("|")
            last = self.run(lines, i, lambda line: "|" in line and (ruled or line.count("|") == count))
            return self.rows(lines, i, last, "|", ruled)
        if "\t" in first and "\t" in second:
            count = first.count("\t")
            return self.rows(lines, i, self.run(lines, i, lambda line: line.count("\t") == count), "\t", False)
        for delimiter in ";,":
            count = _count(first, delimiter)
            if not count or _count(second, delimiter) != count or second[-1] in ".;{," or _GAP.search(second):
                continue
            tight = first.count(delimiter + " ") * 2 <= count and second.count(delimiter + " ") * 2 <= count
            if tight or count > 1:
                last = self.run(lines, i, lambda line: _count(line, delimiter) == count)
                if last - i >= (2 if tight and count > 1 else 3):
                    return self.rows(lines, i, last, delimiter, False)
        if _GAP.search(first) and (_GAP.search(second) or not _ALNUM.search(second)):
            last = self.run(lines, i, lambda line: bool(_GAP.search(line)) or not _ALNUM.search(line))
            return self.rows(lines, i, last, "", False)
        return i

    def run(self, lines: list[tuple[int, int]], i: int, belongs) -> int:  # noqa: ANN001
        while i < len(lines) and belongs(self.text[slice(*lines[i])]):
            i += 1
        return i

    def rows(self, lines: list[tuple[int, int]], i: int, last: int, delimiter: str, ruled: bool) -> int:
        text = self.text
        if last - i < 2:
            return i
        first, second = text[slice(*lines[i])], text[slice(*lines[i + 1])]
        header, kind = -1, ROW
        cells = _cells(first, delimiter)
        if not ruled and not delimiter:
            ruled = not _ALNUM.search(second)
            if not ruled and len(cells) == 2:
                # Two columns without a rule are keys and values, unless only the first line's value is no number.
                values = [_cells(text[slice(*lines[k])], "")[-1] for k in range(i + 1, min(last, i + 9))]
                ruled = not _VALUE.match(cells[1]) and all(map(_VALUE.match, values))
                kind = ROW if ruled else PAIR
        filled = any(_ALNUM.search(text, start, end) for start, end in lines[i + 1 : last])
        if kind == ROW and filled and len(first) <= LONGEST and (ruled or not any(map(_VALUE.match, cells))):
            header = len(self.units.headers)
            self.units.headers.append(lines[i])
            i += 1
        for start, end in lines[i:last]:
            if _ALNUM.search(text, start, end):
                self.add(start, end, kind, header)
        return last


def _count(line: str, delimiter: str) -> int:
    """Delimiters outside quotation marks."""
    return line.count(delimiter) if '"' not in line else sum(part.count(delimiter) for part in line.split('"')[::2])


def _cells(line: str, delimiter: str) -> list[str]:
    return line.split(delimiter) if delimiter else _CELL_GAP.split(line)


def cut_units(text: str) -> Units:
    """The units of a reading text that is `wide`, in time linear in its length."""
    cutter, lines, at = _Cutter(text), [], 0
    waiting: list[tuple[int, int]] = []
    for raw in text.split("\n"):
        line = raw.rstrip(" \t")
        stripped = line.lstrip(" \t")
        if stripped:
            start = at + len(line) - len(stripped)
            if waiting:
                cutter.block(waiting, (start, at + len(line)))
                waiting = []
            lines.append((start, at + len(line)))
        elif lines:
            waiting, lines = lines, []
        at += len(raw) + 1
    if waiting or lines:
        cutter.block(waiting or lines, None)
    cutter.close(0)
    return cutter.units
