"""Questions about a page, each with an answer that is right by construction, or without one."""

from __future__ import annotations

from collections.abc import Callable

from gmsa_training.data.questions.typed import typed
from gmsa_documents.page import Told, capital, fill
from gmsa_documents.table_questions import KEYWORDS, LONGEST_LIST, TableQuestions
from gmsa_documents.templates import Item
from gmsa_documents.values import SLOT, type_of, unit_of, words
from gmsa_documents.wording import Question, be, kind_of, lower

_UNANSWERABLE = 0.2  # of the questions, half of them near misses
_TYPED = 0.1  # in lower case, without punctuation
_TRIES = 6  # for one question


class Asker(TableQuestions):
    """Draws questions about a page."""

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
        kind = kind_of(question)
        if told.item.labels and self.rng.random() < KEYWORDS:
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
        label = lower(told.item.labels[0])
        question = shown and f"{be(label)} the {label} {shown}?"
        return question and Question(question, ["yes" if yes else "no"], "yes/no")

    def _slot(self) -> Question | None:
        if not self.page.kind.asks:
            return None
        name = self.rng.choice(list(self.page.kind.asks))
        question = self._worded(self.page.kind.asks[name], self.page.slots)
        answer = self.page.slots[name]
        return Question(question, [answer], kind_of(question)) if question and answer in self.text else None

    def _section(self) -> Question | None:
        if not self.page.sections:
            return None
        number, told = self.rng.choice(list(enumerate(self.page.sections, 1)))
        topic = lower(told.item.labels[0] if told.item.labels else told.item.topic)
        if sum(one.item is told.item for one in self.page.sections) > 1:
            return None
        wording = self.rng.choice(("Which point is about {}?", "What is the number of the point on {}?"))
        return Question(wording.format(topic), [str(number)], "section")

    # Of the whole

    def _subject(self) -> str | None:
        """What the text is about, if it names that."""
        page = self.page
        if page.bare:
            grid = page.grids[0]
            heads = " and ".join(lower(head) for head in grid.heads[:2])
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
            listed = f": {', '.join(names[:-1])} and {names[-1]}" if grid.columns and 2 <= len(names) <= LONGEST_LIST else ""
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
            question = self._short(f"the {lower(told.item.labels[0])}")
        return Question(question, now.answers, now.kind, [[turn.question, turn.answers[0]]])

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
        if item.labels and self.rng.random() < KEYWORDS:
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

