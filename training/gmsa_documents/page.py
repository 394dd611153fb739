"""One document being written: what it says, what it could have said and does not, and its text."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gmsa_documents import layouts
from gmsa_documents.templates import Column, Item, Kind, Table
from gmsa_documents.values import SLOT, Value, Values, words

_SAID = (0.45, 0.65, 0.85, 1.0)  # share of a kind's items that a document has
_LONG = 0.12  # share of tables with two or three times as many rows
_COMPUTED = {"sum", "tax", "gross", "product"}


def fill(wording: str, slots: Mapping[str, str]) -> str:
    if "{" not in wording:
        return wording
    return SLOT.sub(lambda found: slots[found[1]], wording).replace("..", ".")  # after a name such as Inc.


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@dataclass(frozen=True)
class Told:
    """An item as a document has it. yes: what a rule says."""

    item: Item
    values: dict[str, str]
    wording: str
    yes: bool = True


class Grid:
    """A table with its values: rows of entities, columns that are there, and those that are not (absent)."""

    def __init__(self, table: Table, style: str, values: Values) -> None:
        rng = values.rng
        self.table, self.style, self.lower = table, style, bool(table.columns) and rng.random() < 0.15
        columns = list(_with_years(table, values))
        shown = [column for column in columns if rng.random() < 0.75]
        while len(shown) < min(2, len(columns)):
            shown = rng.sample(columns, min(2, len(columns)))
        if rng.random() < 0.3 and not table.years:
            rng.shuffle(shown)
        names = {column.name for column in shown}
        shown = [one for one in shown if one.spec.split()[0] != "product" or names.issuperset(one.spec.split()[1:])]
        self.absent = [column for column in columns if column not in shown]
        count = rng.randint(*table.rows) * (rng.randint(2, 3) if rng.random() < _LONG else 1)
        entities = dict.fromkeys(values.draw(table.entity).text for _ in range(count))
        listed = words().get(table.entity, [])
        if table.order == "list":  # as the word list has them
            entities = sorted(entities, key=listed.index)
        rows = [(entity, {}) for entity in entities]
        for column in sorted(shown, key=lambda column: column.spec.startswith("product")):
            self._fill(column, [cells for _, cells in rows], values)
        if table.order in names:
            rows.sort(key=lambda row: row[1][table.order].number or 0)
        self.columns, self.heads = shown, [rng.choice(column.heads) for column in shown]
        self.entities = [entity for entity, _ in rows]
        self.cells: dict[str, list[Value]] = {column.name: [cells[column.name] for _, cells in rows] for column in shown}

    @staticmethod
    def _fill(column: Column, rows: list[dict[str, Value]], values: Values) -> None:
        head, _, rest = column.spec.partition(" ")
        few = [values.draw(rest) for _ in range(values.rng.randint(2, 3))] if head == "few" else []
        for cells in rows:
            if head == "product":
                first, second = (cells[name].number or 0 for name in rest.split())
                cells[column.name] = Value(values.money(first * second, True), round(first * second, 2))
            else:
                cells[column.name] = values.rng.choice(few) if few else values.draw(column.spec)

    def shown(self, entity: str) -> str:
        """An entity as it stands in the text."""
        return entity if self.lower or (self.style == "prose" and self.table.article) else capital(entity)

    def mention(self, entity: str) -> str:
        """An entity in a sentence."""
        return f"{self.table.article} {entity}".strip()

    def written(self, rng: random.Random) -> str:
        numbers = range(len(self.entities))
        if not self.columns:
            pairs = [("", f"{self.shown(entity)}.") for entity in self.entities]
            return layouts.sentences(rng.choice(("numbered", "numbered", "bullets", "lines")), pairs, rng)
        if self.style == "prose":
            return "\n".join(self._sentence(number) for number in numbers) if rng.random() < 0.3 else " ".join(
                self._sentence(number) for number in numbers
            )
        rows = [[self.shown(self.entities[n]), *(self.cells[one.name][n].text for one in self.columns)] for n in numbers]
        return layouts.table(self.style, [[rng.choice(self.table.heads), *self.heads], *rows], rng)

    def _sentence(self, number: int) -> str:
        phrases = [column.phrase.replace("{v}", self.cells[column.name][number].text) for column in self.columns]
        joined = " and ".join([", ".join(phrases[:-1]), phrases[-1]]) if len(phrases) > 1 else phrases[0]
        lead = capital(self.table.article) + " " if self.table.article else ""
        return f"{lead}{self.shown(self.entities[number])} {joined}."


def _with_years(table: Table, values: Values) -> Iterator[Column]:
    """The columns, the one with {year} once for each of some years and the ones before and after, which may be absent."""
    first = values.today.year - table.years
    for column in table.columns:
        if not table.years or "{year}" not in column.heads[0]:
            yield column
            continue
        for year in map(str, range(first - 1, first + table.years + 1)):
            named = [tuple(text.replace("{year}", year) for text in texts) for texts in (column.asks, column.most, column.more)]
            phrase = column.phrase.replace("{year}", year)
            yield Column(f"{column.name} {year}", column.spec, (year,), named[0], phrase, named[1], named[2])


class Page:
    """A document of a kind in a layout. told, grids: what it says; untold: items that it does not have."""

    def __init__(self, kind: Kind, layout: str, rng: random.Random) -> None:
        self.kind, self.layout, self.rng = kind, layout, rng
        self.values = values = Values(rng)
        self.slots = {name: values.draw(spec).text for name, spec in kind.slots.items()}
        self.styles = [rng.choice(options) for options in layouts.LAYOUTS[layout]]
        self.bare = bool(kind.tables) and layout in ("comma", "semicolon", "tabs") and rng.random() < 0.4
        chance = 1.0 if self.bare or not kind.facts + kind.sayings else 0.85
        wanted = [table for number, table in enumerate(kind.tables) if rng.random() < (0.5 if number else chance)]
        self.grids = [Grid(table, self.styles[1], values) for table in wanted]
        self.told: list[Told] = []
        said = rng.choice(_SAID)
        self.untold: list[Item] = []
        for item in kind.facts + kind.sayings:
            told = [] if self.bare or rng.random() >= said else self._tell(item)
            self.told += told
            if not told:
                self.untold.append(item)
        rng.shuffle(self.told)
        if kind.messages:
            self._date_messages()
        self.sections: list[Told] = []  # numbered, in this order
        self.text = self._written()

    def _tell(self, item: Item) -> list[Told]:
        if item.denials:
            yes = self.rng.random() < 0.5
            return [Told(item, {}, self.rng.choice(item.says if yes else item.denials), yes)]
        told = []
        for _ in range(self.rng.randint(*item.times)):
            values = {name: self._value(spec) for name, spec in item.slots.items()}
            if None in values.values():
                return []
            told.append(Told(item, values, self.rng.choice(item.says)))
        return told

    def _date_messages(self) -> None:
        """Gives each message its time and writer in front."""
        style = self.rng.choice(("[{t}] {p}: ", "{t} - {p}: ", "{p} ({t}): ", "{p}, {t}\n"))
        times = sorted((self.values.draw("time 8-23") for _ in self.told), key=lambda time: time.number or 0)
        self.told = [
            Told(one.item, one.values | {"t": time.text}, style + one.wording) for one, time in zip(self.told, times)
        ]

    def _value(self, spec: str) -> str | None:
        """None where it is to be computed from a table that is not there."""
        head, _, rest = spec.partition(" ")
        if head not in _COMPUTED:
            return self.values.draw(spec).text
        found = [grid.cells[rest] for grid in self.grids if rest in grid.cells]
        if not found:
            return None
        net = sum(value.number or 0 for value in found[0])
        tax = round(net * float(self.slots["rate"]) / 100, 2)
        return self.values.money({"sum": net, "tax": tax, "gross": net + tax}[head], True)

    def sentence(self, told: Told, wording: str | None = None) -> str:
        return fill(wording or told.wording, self.slots | told.values)

    def _written(self) -> str:
        rng, kind = self.rng, self.kind
        labelled = [one for one in self.told if one.item.labels and self.styles[0] != "prose"]
        said = [one for one in self.told if one not in labelled]
        parts = [layouts.facts(self.styles[0], [self._pair(one) for one in labelled])] if labelled else []
        rest = [self._captioned(grid) for grid in self.grids]
        if said:
            pairs = [(one.item.labels[0] if one.item.labels else one.item.topic, self.sentence(one)) for one in said]
            style = "lines" if kind.messages else self.styles[2]
            rest.insert(rng.randint(0, len(rest)), layouts.sentences(style, pairs, rng))
            self.sections = said if style == "numbered" else []
        parts += rest
        if rng.random() < 0.15:
            rng.shuffle(parts)
        if self.bare:
            return "\n\n".join(parts)
        if kind.openings and rng.random() < 0.8:
            parts.insert(0, fill(rng.choice(kind.openings), self.slots))
        if rng.random() < 0.92:
            title = fill(rng.choice(kind.titles), self.slots)
            title = title.upper() if rng.random() < 0.1 else capital(title) if rng.random() < 0.5 else title
            parts.insert(0, f"# {title}" if self.layout == "markdown" else title)
        if kind.closings and rng.random() < 0.7:
            parts.append(fill(rng.choice(kind.closings), self.slots))
        if rng.random() < 0.15:
            parts.insert(rng.choice((0, len(parts))), self.values.pattern(rng.choice(words()["clutter"])))
        return "\n\n".join(parts) if rng.random() < 0.85 else "\n".join(parts)

    def _pair(self, told: Told) -> tuple[str, str]:
        return self.rng.choice(told.item.labels), next(iter(told.values.values()))

    def _captioned(self, grid: Grid) -> str:
        caption = fill(self.rng.choice(grid.table.captions), self.slots)
        written = grid.written(self.rng)
        return f"{caption}\n{written}" if caption and not self.bare else written
