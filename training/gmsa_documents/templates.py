"""What `kinds/*.txt` say of each kind of document. `kinds/README.md` describes the format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

from gmsa_documents.layouts import LAYOUTS


@dataclass(frozen=True)
class Item:
    """Something that a document may say. slots: specifications of its values; labels: of a fact; says: wordings, of a
    rule those that mean yes; denials: of a rule, wordings that mean no; asks: questions for each slot, of a rule for
    `yes` and, where they are the other way round, `no`; times: how often it may be said; gists: wordings for summaries."""

    topic: str
    slots: dict[str, str]
    says: tuple[str, ...]
    asks: dict[str, tuple[str, ...]]
    labels: tuple[str, ...] = ()
    denials: tuple[str, ...] = ()
    times: tuple[int, int] = (1, 1)
    gists: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """phrase: its value as a verb phrase; most, more: verb phrases that compare, for the least and for the greatest."""

    name: str
    spec: str
    heads: tuple[str, ...]
    asks: tuple[str, ...]
    phrase: str
    most: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """entity: specification of what a row is about. A table without columns is a list of steps."""

    entity: str
    noun: str
    plural: str
    heads: tuple[str, ...]
    columns: tuple[Column, ...]
    captions: tuple[str, ...] = ("",)
    rows: tuple[int, int] = (3, 7)
    article: str = ""  # before an entity in a sentence
    order: str = ""  # the column that rows are ordered by, or `list`: as in the word list
    years: int = 0  # so many columns, one for each year, in place of the one with {year}


@dataclass(frozen=True)
class Kind:
    """what: of which kind a reader would say it is; about: what it is about; messages: whether what is said are messages
    of a chat, of which slot p is the writer."""

    name: str
    what: tuple[str, ...]
    about: tuple[str, ...]
    titles: tuple[str, ...]
    slots: dict[str, str]
    asks: dict[str, tuple[str, ...]]
    facts: tuple[Item, ...]
    sayings: tuple[Item, ...]
    tables: tuple[Table, ...]
    openings: tuple[str, ...]
    closings: tuple[str, ...]
    layouts: tuple[str, ...]
    messages: bool


def _options(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(" | ") if part.strip())


def _rows(lines: list[str]) -> Iterator[list[str]]:
    return ([field.strip() for field in line.split(" ; ")] for line in lines)


def _asks(fields: list[str]) -> dict[str, tuple[str, ...]]:
    return {name.strip(): _options(asks) for name, _, asks in (field.partition(":") for field in fields)}


def _ends(text: str) -> tuple[int, int]:
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def _fact(name: str, spec: str, labels: str, asks: str, says: str) -> Item:
    return Item(name, {name: spec}, _options(says), {name: _options(asks)}, _options(labels))


def _rule(topic: str, says: str, denials: str, asks: str, reverse: str = "") -> Item:
    return Item(topic, {}, _options(says), {"yes": _options(asks), "no": _options(reverse)}, (), _options(denials))


def _saying(topic: str, slots: str, says: str, *asks: str) -> Item:
    times, _, rest = topic.partition(" ")
    counted = times[0].isdigit()
    drawn = dict(slot.strip().split("=", 1) for slot in slots.split(" + "))
    wordings = tuple(say for say in _options(says) if not say.startswith("~"))
    gists = tuple(say[1:].strip() for say in _options(says) if say.startswith("~"))
    return Item(
        rest if counted else topic, drawn, wordings, _asks(list(asks)), (), (), _ends(times) if counted else (1, 1), gists
    )


def _tables(lines: list[str]) -> Iterator[Table]:
    """Each begins with a line of settings, `> entity: LIST ; noun: …`, and goes on with its columns."""
    starts = [number for number, line in enumerate(lines) if line.startswith("> ")]
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        raw = dict(part.strip().split(":", 1) for part in lines[start][2:].split(" ; "))
        raw = {key: value.strip() for key, value in raw.items()}
        columns = []
        for name, spec, heads, asks, phrase, *compared in _rows(lines[start + 1 : end]):
            most, more, *_ = [*map(_options, compared), (), ()]
            columns.append(Column(name, spec, _options(heads), _options(asks), phrase, most, more))
        yield Table(
            raw["entity"],
            raw["noun"],
            raw.get("plural", raw["noun"] + "s"),
            _options(raw["head"]),
            tuple(columns),
            ("", *_options(raw.get("caption"))),
            _ends(raw.get("rows", "3-7")),
            raw.get("article", ""),
            raw.get("order", ""),
            int(raw.get("years", 0)),
        )


def _kind(name: str, text: str) -> Kind:
    """A kind from its lines: `key: value`, or `key:` and indented lines."""
    raw: dict[str, list[str]] = {}
    for line in filter(None, map(str.rstrip, text.splitlines())):
        if line.startswith(" "):
            raw[key].append(line.strip())
        else:
            key, _, value = line.partition(":")
            raw[key] = [value.strip().replace("\\n", "\n")] if value else []
    one = {key: _options(value[0]) for key, value in raw.items() if len(value) == 1}
    rules = (_rule(*fields) for fields in _rows(raw.get("rules", [])))
    sayings = (_saying(*fields) for fields in _rows(raw.get("sayings", [])))
    return Kind(
        name,
        *(one[key] for key in ("what", "about", "title")),
        dict(line.split("=", 1) for line in raw.get("with", [])),
        _asks(raw.get("ask", [])),
        tuple(_fact(*fields) for fields in _rows(raw.get("facts", []))),
        (*rules, *sayings),
        tuple(_tables(raw.get("tables", []))),
        one.get("opening", ()),
        one.get("closing", ()),
        one.get("layouts", tuple(LAYOUTS)),
        "messages" in raw,
    )


@cache
def kinds() -> dict[str, Kind]:
    found = {}
    for file in sorted((Path(__file__).parent / "kinds").glob("*.txt")):
        for text in file.read_text(encoding="utf-8").split("\n== ")[1:]:
            name, _, rest = text.partition("\n")
            found[name] = _kind(name, rest)
    return found


@cache
def combinations(split: str) -> tuple[tuple[Kind, tuple[str, ...]], ...]:
    """Each kind with its layouts of a split: about one of ten layouts of a kind is held out for validation."""
    if split not in ("train", "validation"):
        raise ValueError(f"The split is 'train' or 'validation', not {split!r}.")
    found = []
    for kind in kinds().values():
        held = {layout for layout in kind.layouts if crc32(f"{layout} {kind.name}".encode()) % 10 == 0}
        layouts = tuple(layout for layout in kind.layouts if (layout in held) == (split == "validation"))
        found += [(kind, layouts)] if layouts else []
    return tuple(found)
