"""Questions about a page, each with an answer that is right by construction, or without one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gmsa_training.data.questions.typed import typed
from gmsa_training.documents.page import Grid, Page, Told, capital, fill
from gmsa_training.documents.templates import Column, Item
from gmsa_training.documents.values import SLOT, type_of, unit_of, words

_UNANSWERABLE = 0.2  # of the questions, half of them near misses
_KEYWORDS, _TYPED = 0.1, 0.1
_TRIES = 6  # for one question
_LONGEST_LIST = 6
_OPEN = {"at", "by", "on", "to", "from", "until", "for", "in", "with", "up", "within", "after", "takes", "need", "bring", "pay"}
_PREPOSITION = re.compile(r" (?:of|for|to|a|on|when) ")
_FIRST_WORDS = {
    "how much": "how much", "how many": "how much", "how long": "how much", "by how": "how much", "who": "who", "whom": "who",
    "when": "when", "by when": "when", "until when": "when", "since when": "when", "where": "where", "why": "why",
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """answers: none where the text does not hold one; kind: what is asked for, or `absent` or `near_miss`; history: the
    turns before, each a question and its answer."""

    question: str
    answers: list[str]
    kind: str
    history: list[list[str]] = field(default_factory=list)


def _lower(label: str) -> str:
    return label if label[1:2].isupper() or label[1:2] == "-" else label[:1].lower() + label[1:]


def _be(label: str) -> str:
    head = _PREPOSITION.split(label)[0]
    return "Are" if head.endswith("s") and not head.endswith(("ss", "us", "'s")) else "Is"


def _bare(verb: str) -> str:
    """The infinitive of a verb in the third person."""
    if verb.endswith(("ches", "shes", "sses", "oes", "xes")):
        return verb[:-2]
    return f"{verb[:-3]}y" if verb.endswith("ies") else verb.removesuffix("s")


_INVERTED = {"is": "Is {}", "was": "Was {}", "can": "Can {}", "will": "Will {}", "has": "Does {} have", "had": "Did {} have"}
_PAST = {"joined": "join", "happened": "happen", "came": "come", "took": "take", "got": "get", "concerned": "concern"}
_PLURAL = {"is": "are", "was": "were", "has": "have", "can": "can", "will": "will", "had": "had"}


def _inverted(phrase: str, subject: str) -> str:
    """A verb phrase as a yes/no question."""
    verb, _, rest = phrase.partition(" ")
    if verb in _PAST:
        return f"Did {subject} {_PAST[verb]} {rest}?"
    return f"{_INVERTED.get(verb, 'Does {} ' + _bare(verb)).format(subject)} {rest}?"


def _plural(phrase: str) -> str:
    verb, _, rest = phrase.partition(" ")
    return f"{verb if verb in _PAST else _PLURAL.get(verb) or _bare(verb)} {rest}"


def _kind(question: str) -> str:
    first, second, *_ = [*question.lower().split(" "), ""]
    return _FIRST_WORDS.get(f"{first} {second}") or _FIRST_WORDS.get(first, "value")


class Asker:
    """Draws questions about a page."""

    def __init__(self, page: Page) -> None:
        self.page, self.rng, self.text, self.folded = page, page.rng, page.text, page.text.lower()
        self.grids = [grid for grid in page.grids if grid.columns]
        self.steps = [grid for grid in page.grids if not grid.columns]
        self.types = {type_of(spec) for told in page.told for spec in told.item.slots.values()}
        self.types |= {type_of(column.spec) for grid in page.grids for column in grid.columns}

    def questions(self, count: int) -> list[Question]:
        told, grid = 5 if self.page.told else 0, 5 if self.grids else 0
        draws: dict[Callable[[], Question | None], float] = {
            self._told: 1.6 * told, self._verified: 0.3 * told, self._follow: 1.0, self._section: 1.0, self._slot: 1.0,
            self._lookup: grid, self._reverse: 0.3 * grid, self._most: 0.25 * grid, self._compared: 0.25 * grid,
            self._checked: 0.35 * grid, self._counted: 0.2 * grid, self._listed: 0.2 * grid, self._placed: 0.1 * grid,
            self._step: 4.0 if self.steps else 0, self._about: 0.8, self._summary: 0.5,
        }  # fmt: skip
        ways, weights = list(draws), list(draws.values())
        found: dict[str, Question] = {}
        for _ in range(count):
            answered, near = self.rng.random() >= _UNANSWERABLE, self.rng.random() < 0.5
            for attempt in range(_TRIES):
                near = near != (attempt == _TRIES // 2)  # the other sort, if there is none of the first
                way = self.rng.choices(ways, weights)[0] if answered else self._near_miss if near else self._absent
                if (made := way()) is not None:
                    question = typed(made.question) if self.rng.random() < _TYPED else made.question
                    key = f"{question.lower().rstrip('?.')} {made.history}"
                    if key not in found:
                        found[key] = Question(question, made.answers, made.kind, made.history)
                        break
        return list(found.values())

    def _worded(self, wordings: tuple[str, ...], slots: dict[str, str], swap: str = "") -> str | None:
        """One of the wordings whose names stand in the text; swap: the slot that must be named, and need not stand there."""
        wording = self.rng.choice(wordings)
        names = SLOT.findall(wording)
        if (swap and swap not in names) or any(name != swap and slots.get(name, "\0") not in self.text for name in names):
            return None
        return fill(wording, slots)

    def _fresh(self, spec: str, like: str = "") -> str | None:
        """A value that does not stand in the text; like: one that it may differ from in a word or digit alone."""
        value = self.page.values.similar(like) if like and self.rng.random() < 0.4 else None
        value = value or self.page.values.draw(spec).text
        return None if value.lower() in self.folded else value

    # Of what is said in facts, rules and sentences

    def _told(self) -> Question | None:
        free = [one for one in self.page.told if not one.item.labels]
        told = self.rng.choice(free if free and self.rng.random() < 0.4 else self.page.told)
        return self._rule(told) if told.item.denials else self._value_of(told)

    def _rule(self, told: Told) -> Question | None:
        reverse = told.item.asks["no"] if self.rng.random() < 0.4 else ()
        question = self._worded(reverse or told.item.asks["yes"], self.page.slots)
        yes = told.yes != bool(reverse)
        return question and Question(question, ["yes" if yes else "no"], "yes/no")

    def _value_of(self, told: Told) -> Question | None:
        name = self.rng.choice(list(told.item.asks))
        question = self._worded(told.item.asks[name], self.page.slots | told.values)
        answer = told.values[name]
        if question is None or answer not in self.text:
            return None
        kind = _kind(question)
        if told.item.labels and self.rng.random() < _KEYWORDS:
            question = self._keywords(told.item)
        return Question(question, [answer], kind)

    @staticmethod
    def _alike(told: Told, name: str, spec: str) -> bool:
        other = told.item.slots.get(name, "time")
        return type_of(other) == type_of(spec) and unit_of(other) == unit_of(spec)

    def _keywords(self, item: Item) -> str:
        label = self._noun(item.labels).lower()
        what = self.page.kind.what[0].lower()
        return self.rng.choice((label, f"{label} {what}", f"{what} {label}"))

    def _noun(self, labels: tuple[str, ...]) -> str:
        """One of the labels that can stand alone."""
        nouns = [label for label in labels if len(label) > 3 and label.split()[-1].lower() not in _OPEN]
        return self.rng.choice(nouns or labels)

    def _verified(self) -> Question | None:
        """Whether a fact has a value; as often one that it has as one that it has not."""
        told = self.rng.choice(self.page.told)
        spec = next(iter(told.item.slots.values()), "")
        if not told.item.labels or spec.split()[0] in ("sum", "tax", "gross"):
            return None
        value, yes = next(iter(told.values.values())), self.rng.random() < 0.5
        others = [text for one in self.page.told for name, text in one.values.items() if self._alike(one, name, spec)]
        others = [text for text in others if text != value]
        wrong = self.rng.choice(others) if others and self.rng.random() < 0.5 else self._fresh(spec, value)
        shown = value if yes else wrong
        label = _lower(told.item.labels[0])
        question = shown and f"{_be(label)} the {label} {shown}?"
        return question and Question(question, ["yes" if yes else "no"], "yes/no")

    def _slot(self) -> Question | None:
        if not self.page.kind.asks:
            return None
        name = self.rng.choice(list(self.page.kind.asks))
        question = self._worded(self.page.kind.asks[name], self.page.slots)
        answer = self.page.slots[name]
        return Question(question, [answer], _kind(question)) if question and answer in self.text else None

    def _section(self) -> Question | None:
        if not self.page.sections:
            return None
        number, told = self.rng.choice(list(enumerate(self.page.sections, 1)))
        topic = _lower(told.item.labels[0] if told.item.labels else told.item.topic)
        if sum(one.item is told.item for one in self.page.sections) > 1:
            return None
        wording = self.rng.choice(("Which point is about {}?", "What is the number of the point on {}?"))
        return Question(wording.format(topic), [str(number)], "section")

    # Of tables

    def _grid(self) -> Grid:
        return self.rng.choice(self.grids)

    def _which(self, grid: Grid) -> str:
        return "Who" if grid.table.noun == "person" and self.rng.random() < 0.7 else f"Which {grid.table.noun}"

    def _ask_cell(self, grid: Grid, column: Column, entity: str) -> str | None:
        mention = grid.mention(entity)
        if self.rng.random() < _KEYWORDS:
            return f"{entity} {self._noun(column.heads)}".lower()
        wording = self.rng.choice(column.asks).replace("{e}", mention).replace("{noun}", grid.table.noun)
        return self._worded((wording,), self.page.slots)

    def _lookup(self) -> Question | None:
        grid = self._grid()
        column, number = self.rng.choice(grid.columns), self.rng.randrange(len(grid.entities))
        question = self._ask_cell(grid, column, grid.entities[number])
        return question and Question(question, [grid.cells[column.name][number].text], _kind(question))

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
        question = f"Which {column.more[greater]}, {grid.mention(names[0])} or {grid.mention(names[1])}?"
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
            return Question(_inverted(asked, grid.mention(grid.entities[rows[0]])), ["yes" if yes else "no"], "yes/no")
        column, number = self.rng.choice(grid.columns), self.rng.randrange(len(grid.entities))
        values = [cell.text for cell in grid.cells[column.name]]
        others = [value for value in values if value != values[number]]
        if not yes and not others:
            return None
        asked = column.phrase.replace("{v}", values[number] if yes else self.rng.choice(others))
        return Question(_inverted(asked, grid.mention(grid.entities[number])), ["yes" if yes else "no"], "yes/no")

    def _group(self) -> tuple[Grid, list[str], str]:
        """Entities with one value, or all of a table, and in what words."""
        grid = self._grid()
        few = [column for column in grid.columns if column.spec.startswith("few ")]
        if not few or self.rng.random() < 0.25:
            return grid, [grid.shown(entity) for entity in grid.entities], "are listed"
        column = self.rng.choice(few)
        value = self.rng.choice(grid.cells[column.name]).text
        return grid, self._same(grid, column, value), _plural(column.phrase.replace("{v}", value))

    def _counted(self) -> Question | None:
        grid, names, asked = self._group()
        return Question(f"How many {grid.table.plural} {asked}?", [str(len(names))], "count")

    def _listed(self) -> Question | None:
        grid, names, asked = self._group()
        if not 2 <= len(names) <= _LONGEST_LIST:
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

    # Of the whole

    def _subject(self) -> str | None:
        """What the text is about, if it names that."""
        page = self.page
        if page.bare:
            grid = page.grids[0]
            heads = " and ".join(_lower(head) for head in grid.heads[:2])
            return f"{self.rng.choice(('a list of', 'a table of'))} {grid.table.plural} with {heads}"
        return self._worded(page.kind.about, page.slots)

    def _about(self) -> Question | None:
        if self.rng.random() < 0.4 and not self.page.bare:
            return Question(self.rng.choice(words()["ask_kind"]), [self.rng.choice(self.page.kind.what)], "about")
        about = self._subject()
        return about and Question(self.rng.choice(words()["ask_about"]), [about], "about")

    def _summary(self) -> Question | None:
        page, rng = self.page, self.rng
        items = page.kind.facts + page.kind.sayings
        told = sorted(page.told, key=lambda one: items.index(one.item))
        said = [self._reworded(one) for one in told[: rng.randint(3, 5)]]
        for grid in page.grids[:1]:
            names = grid.entities
            listed = f": {', '.join(names[:-1])} and {names[-1]}" if grid.columns and 2 <= len(names) <= _LONGEST_LIST else ""
            said.append(f"It lists {len(names)} {grid.table.plural}{listed}.")
        about = self._subject()
        if about is None or len(said) < 2 - page.bare:
            return None
        if rng.random() < 0.35 and len(said) > 2:
            return Question(rng.choice(words()["ask_points"]), ["\n".join(f"- {one}" for one in said)], "key points")
        opening = "This is" if about.startswith((*page.kind.what, "a list of", "a table of")) else "This is about"
        return Question(rng.choice(words()["ask_summary"]), [" ".join([f"{opening} {about}.", *said])], "summary")

    def _reworded(self, told: Told) -> str:
        """What is told in other words than the text has, if there are."""
        says = told.item.says if told.yes else told.item.denials
        others = told.item.gists or [say for say in says if say != told.wording] or says
        return self.page.sentence(told, self.rng.choice(others))

    # After a turn before

    def _follow(self) -> Question | None:
        """A question that is short because of the one before, or one that has nothing to do with it."""
        grids = [grid for grid in self.grids if len(grid.entities) > 2]
        if grids and self.rng.random() < 0.6:
            return self._follow_cell(self.rng.choice(grids))
        facts = [told for told in self.page.told if told.item.labels]
        if len(facts) < 2:
            return None
        before, told = self.rng.sample(facts, 2)
        turn, now = self._value_of(before), self._value_of(told)
        if turn is None or now is None:
            return None
        question = now.question
        if self.rng.random() < 0.7:
            question = self._short(f"the {_lower(told.item.labels[0])}")
        return Question(question, now.answers, now.kind, [[turn.question, turn.answers[0]]])

    def _short(self, what: str) -> str:
        return self.rng.choice(("And {}?", "What about {}?", "And what about {}?", "And {}?")).format(what)

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
        answers, kind = ([], "near_miss") if absent else ([cells[second].text], _kind(question))
        return Question(self._short(grid.mention(other)), answers, kind, history)

    # Without an answer

    def _absent(self) -> Question | None:
        """Something that documents of this kind may say and this one does not."""
        grids = [grid for grid in self.page.grids if grid.absent]
        if grids and self.rng.random() < 0.4:
            grid = self.rng.choice(grids)
            column = self.rng.choice(grid.absent)
            question = self._ask_cell(grid, column, self.rng.choice(grid.entities))
            return question and Question(question, [], self._nearness(column.spec))
        if not self.page.untold:
            return None
        item = self.rng.choice(self.page.untold)
        if item.denials:
            question = self._worded(item.asks["yes"] + item.asks["no"], self.page.slots)
            return question and Question(question, [], "absent")
        if any(spec.split()[0] in ("sum", "tax", "gross") for spec in item.slots.values()) and self.page.grids:
            return None  # could be worked out
        name = self.rng.choice(list(item.asks))
        slots = {one: self.page.values.draw(spec).text for one, spec in item.slots.items() if one != name}
        if item.labels and self.rng.random() < _KEYWORDS:
            return Question(self._keywords(item), [], self._nearness(item.slots.get(name, "time")))
        wording = self.rng.choice(item.asks[name])
        if any(one not in slots and self.page.slots.get(one, "\0") not in self.text for one in SLOT.findall(wording)):
            return None
        return Question(capital(fill(wording, self.page.slots | slots)), [], self._nearness(item.slots.get(name, "time")))

    def _nearness(self, spec: str) -> str:
        """What a question without an answer is called: a near miss if the text has values of the type it asks for."""
        return "near_miss" if type_of(spec) in self.types else "absent"

    def _near_miss(self) -> Question | None:
        """What is asked of something in the text, asked of something else."""
        if self.steps and self.rng.random() < 0.3:
            return self._step(absent=True)
        if self.grids and self.rng.random() < 0.6:
            return self._near_cell()
        if not self.page.told:
            return None
        told = self.rng.choice(self.page.told)
        if not told.item.asks or told.item.denials:
            return None
        name = self.rng.choice(list(told.item.asks))
        own, specs = self.page.slots | told.values, self.page.kind.slots | told.item.slots
        wordings = tuple(wording for wording in told.item.asks[name] if SLOT.search(wording))
        if not wordings:
            return None
        wording = self.rng.choice(wordings)
        named = SLOT.findall(wording)
        swap = self.rng.choice(named)
        twins = [one for one in self.page.told if one.item is told.item and one is not told]
        if twins and sum(one in told.values for one in named) > 1 and swap in told.values and self.rng.random() < 0.6:
            other = self.rng.choice(twins).values[swap]
            if other == told.values[swap]:
                return None
        else:
            other = self._fresh(specs[swap], own[swap])
        question = other and self._worded((wording,), own | {swap: other}, swap)
        return question and Question(question, [], "near_miss")

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
