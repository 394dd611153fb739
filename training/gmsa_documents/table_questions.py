"""Questions about the tables of a page."""

from __future__ import annotations

from gmsa_documents.page import Grid, Page, capital, fill
from gmsa_documents.templates import Column
from gmsa_documents.values import SLOT, type_of
from gmsa_documents.wording import Question, inverted, kind_of, plural

KEYWORDS = 0.1  # share of questions that are typed as keywords
LONGEST_LIST = 6  # entities that are named in one answer
_NAMING = 0.6  # share of questions that name what they are about, where a wording does
_OPEN = {"at", "by", "on", "to", "from", "until", "for", "in", "with", "up", "within", "after", "takes", "need", "bring", "pay"}


class TableQuestions:
    """Draws questions about tables. Each method gives None where what it drew makes no question."""

    def __init__(self, page: Page) -> None:
        self.page, self.rng, self.text, self.folded = page, page.rng, page.text, page.text.lower()
        self.grids = [grid for grid in page.grids if grid.columns]
        self.steps = [grid for grid in page.grids if not grid.columns]
        self.types = {type_of(spec) for told in page.told for spec in told.item.slots.values()}
        self.types |= {type_of(column.spec) for grid in page.grids for column in grid.columns}

    def _short(self, what: str) -> str:
        return self.rng.choice(("And {}?", "What about {}?", "And what about {}?", "And {}?")).format(what)

    def _worded(self, wordings: tuple[str, ...], slots: dict[str, str], swap: str = "") -> str | None:
        """One of the wordings whose names stand in the text; swap: the slot that must be named, and need not stand there."""
        naming = [one for one in wordings if "{" in one]  # more often, since near misses are made of these alone
        wording = self.rng.choice(naming if naming and self.rng.random() < _NAMING else wordings)
        names = SLOT.findall(wording)
        if (swap and swap not in names) or any(name != swap and slots.get(name, "\0") not in self.text for name in names):
            return None
        return fill(wording, slots)

    def _fresh(self, spec: str, like: str = "") -> str | None:
        """A value that does not stand in the text; like: one that it may differ from in a word or digit alone."""
        value = self.page.values.similar(like) if like and self.rng.random() < 0.4 else None
        value = value or self.page.values.draw(spec).text
        return None if value.lower() in self.folded else value

    def _noun(self, labels: tuple[str, ...]) -> str:
        """One of the labels that can stand alone."""
        nouns = [label for label in labels if len(label) > 3 and label.split()[-1].lower() not in _OPEN]
        return self.rng.choice(nouns or labels)

    def _grid(self) -> Grid:
        return self.rng.choice(self.grids)

    def _which(self, grid: Grid) -> str:
        return "Who" if grid.table.noun == "person" and self.rng.random() < 0.7 else f"Which {grid.table.noun}"

    def _ask_cell(self, grid: Grid, column: Column, entity: str) -> str | None:
        mention = grid.mention(entity)
        if self.rng.random() < KEYWORDS:
            return f"{entity} {self._noun(column.heads)}".lower()
        wording = self.rng.choice(column.asks).replace("{e}", mention).replace("{noun}", grid.table.noun)
        return self._worded((wording,), self.page.slots)

    def _lookup(self) -> Question | None:
        grid = self._grid()
        column, number = self.rng.choice(grid.columns), self.rng.randrange(len(grid.entities))
        question = self._ask_cell(grid, column, grid.entities[number])
        return question and Question(question, [grid.cells[column.name][number].text], kind_of(question))

    def _same(self, grid: Grid, column: Column, value: str) -> list[str]:
        """The entities with a value in a column."""
        return [grid.shown(e) for e, cell in zip(grid.entities, grid.cells[column.name]) if cell.text == value]

    def _reverse(self) -> Question | None:
        grid = self._grid()
        column = self.rng.choice(grid.columns)
        value = self.rng.choice(grid.cells[column.name]).text
        same = self._same(grid, column, value)
        asked = column.phrase.replace("{v}", value)
        return Question(f"{self._which(grid)} {asked}?", same, "which") if len(same) == 1 else None

    def _most(self) -> Question | None:
        grid = self._grid()
        column, greatest = self.rng.choice(grid.columns), self.rng.random() < 0.5
        numbers = [cell.number for cell in grid.cells[column.name]]
        if not column.most or None in numbers:
            return None
        best = (max if greatest else min)(numbers)
        if numbers.count(best) > 1 or len(numbers) < 2:
            return None
        question = f"{self._which(grid)} {column.most[greatest]}?"
        return Question(question, [grid.shown(grid.entities[numbers.index(best)])], "most")

    def _pair(self, grid: Grid) -> tuple[Column, list[int], bool] | None:
        """A column and two rows that differ in it; whether the first has more."""
        column = self.rng.choice(grid.columns)
        if not column.more or len(grid.entities) < 2:
            return None
        rows = self.rng.sample(range(len(grid.entities)), 2)
        first, second = (grid.cells[column.name][row].number or 0 for row in rows)
        return None if first == second else (column, rows, first > second)

    def _compared(self) -> Question | None:
        grid = self._grid()
        if not (pair := self._pair(grid)):
            return None
        column, rows, first = pair
        greater = self.rng.random() < 0.5
        names = [grid.entities[row] for row in rows]
        which = "Who" if grid.table.noun == "person" else "Which"
        question = f"{which} {column.more[greater]}, {grid.mention(names[0])} or {grid.mention(names[1])}?"
        return Question(question, [grid.shown(names[first != greater])], "compare")

    def _checked(self) -> Question | None:
        """Yes/no: a comparison, a value, or whether something is listed at all."""
        grid, yes = self._grid(), self.rng.random() < 0.5
        if self.rng.random() < 0.15:
            entity = self.rng.choice(grid.entities) if yes else self._fresh(grid.table.entity)
            return entity and Question(f"Is {grid.mention(entity)} listed?", ["yes" if yes else "no"], "yes/no")
        if self.rng.random() < 0.5:
            if not (pair := self._pair(grid)):
                return None
            column, rows, first = pair
            asked = f"{column.more[first == yes]} than {grid.mention(grid.entities[rows[1]])}"
            return Question(inverted(asked, grid.mention(grid.entities[rows[0]])), ["yes" if yes else "no"], "yes/no")
        column, number = self.rng.choice(grid.columns), self.rng.randrange(len(grid.entities))
        values = [cell.text for cell in grid.cells[column.name]]
        others = [value for value in values if value != values[number]]
        if not yes and not others:
            return None
        asked = column.phrase.replace("{v}", values[number] if yes else self.rng.choice(others))
        return Question(inverted(asked, grid.mention(grid.entities[number])), ["yes" if yes else "no"], "yes/no")

    def _group(self) -> tuple[Grid, list[str], str]:
        """Entities with one value, or all of a table, and in what words."""
        grid = self._grid()
        few = [column for column in grid.columns if column.spec.startswith("few ")]
        if not few or self.rng.random() < 0.25:
            return grid, [grid.shown(entity) for entity in grid.entities], "are listed"
        column = self.rng.choice(few)
        value = self.rng.choice(grid.cells[column.name]).text
        return grid, self._same(grid, column, value), plural(column.phrase.replace("{v}", value))

    def _counted(self) -> Question | None:
        grid, names, asked = self._group()
        return Question(f"How many {grid.table.plural} {asked}?", [str(len(names))], "count")

    def _listed(self) -> Question | None:
        grid, names, asked = self._group()
        if not 2 <= len(names) <= LONGEST_LIST:
            return None
        wording = self.rng.choice(("Which {} {}?", "List all {} that {}.", "Name the {} that {}."))
        return Question(wording.format(grid.table.plural, asked), [", ".join(names)], "list")

    def _placed(self) -> Question | None:
        grid, last = self._grid(), self.rng.random() < 0.5
        entity = grid.shown(grid.entities[-1 if last else 0])
        return Question(f"Which {grid.table.noun} is listed {'last' if last else 'first'}?", [entity], "order")

    def _step(self, absent: bool = False) -> Question | None:
        """Of a list of steps: how many, which, and what comes after which; absent: after one that is not there."""
        grid = self.rng.choice(self.steps)
        steps, noun, count = [grid.shown(step) for step in grid.entities], grid.table.noun, len(grid.entities)
        number = self.rng.randrange(count - 1)
        if absent:
            before = self._fresh(grid.table.entity)
            if before and self.rng.random() < 0.6:
                return Question(f"What comes right after “{capital(before)}”?", [], "near_miss")
            return Question(f"What is {noun} {count + self.rng.randint(1, 3)}?", [], "near_miss")
        way = self.rng.random()
        if way < 0.2:
            return Question(f"How many {grid.table.plural} are there?", [str(count)], "count")
        if way < 0.4:
            last = self.rng.random() < 0.5
            return Question(f"What is the {'last' if last else 'first'} {noun}?", [steps[-1 if last else 0]], "order")
        if way < 0.6:
            return Question(f"What is {noun} {number + 1}?", [steps[number]], "order")
        if way < 0.8:
            return Question(f"What comes right after “{steps[number]}”?", [steps[number + 1]], "order")
        return Question(f"What comes right before “{steps[number + 1]}”?", [steps[number]], "order")

    def _follow_cell(self, grid: Grid, absent: bool = False) -> Question | None:
        """absent: of something that is not in the table."""
        column = self.rng.choice(grid.columns)
        first, second = self.rng.sample(range(len(grid.entities)), 2)
        question = self._ask_cell(grid, column, grid.entities[first])
        other = self._fresh(grid.table.entity, grid.entities[second]) if absent else grid.entities[second]
        if question is None or other is None:
            return None
        cells = grid.cells[column.name]
        history = [[question, cells[first].text]]
        answers, kind = ([], "near_miss") if absent else ([cells[second].text], kind_of(question))
        return Question(self._short(grid.mention(other)), answers, kind, history)

    def _near_cell(self) -> Question | None:
        grid, way = self._grid(), self.rng.random()
        column = self.rng.choice(grid.columns)
        if way < 0.2:
            return self._follow_cell(grid, True) if len(grid.entities) > 1 else None
        if way < 0.4 and not column.spec.startswith("product"):
            value = self._fresh(column.spec.removeprefix("few "), self.rng.choice(grid.cells[column.name]).text)
            asked = value and column.phrase.replace("{v}", value)
            return asked and Question(f"{self._which(grid)} {asked}?", [], "near_miss")
        entity = self._fresh(grid.table.entity, self.rng.choice(grid.entities))
        question = entity and self._ask_cell(grid, column, entity)
        return question and Question(question, [], "near_miss")
