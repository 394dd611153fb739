"""Made-up facts at random places of prose of any length, each asked for: nothing but the text tells the answer. No name,
value or template is one of those that measure (evaluation/needle.py); the tests see to that, so what is measured there is
reading and not the form of the facts."""

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import yaml

from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.answer_kinds import MONTHS
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN, Questions, QuestionSource, Wanted

_TOKENS = 120  # a context of four times as many has twice as many facts
_SENTENCE_END = re.compile(r"[.!?][\"”’)]*(?=\s)")
_WORD = re.compile(r"\b[a-z]{5,9}\b")
_PROSE_WORDS = 20_000  # of the prose, for phrases
_WORDS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
FIRST_NAMES, FIRMS, SITES, DEVICES, EVENTS = (_WORDS[name] for name in ("first_names", "firms", "sites", "devices", "events"))
SYLLABLES = tuple(map("".join, product(*_WORDS["closed"])))
OPEN = tuple(map("".join, product(*_WORDS["open"])))


def made_up(draw: random.Random, syllables: int = 2) -> str:
    """A word of random syllables, lower case."""
    inner = (draw.choice(OPEN if draw.random() < 0.5 else SYLLABLES) for _ in range(syllables - 1))
    return "".join([*inner, draw.choice(SYLLABLES)])


@dataclass(frozen=True)
class Template:
    """Statements and questions with {s}, the subject, and in statements {v}, the value; any statement goes with any
    question. subject, value: names of functions in SUBJECTS and VALUES."""

    subject: str
    value: str
    statements: tuple[str, ...]
    questions: tuple[str, ...]


def _person(draw: random.Random) -> str:
    first = draw.choice(FIRST_NAMES) if draw.random() < 0.7 else made_up(draw).capitalize()
    return f"{first} {made_up(draw).capitalize()}" if draw.random() < 0.7 else first + " " + made_up(draw, 3).capitalize()


SUBJECTS = {
    "person": _person,
    "site": lambda draw: f"{made_up(draw).capitalize()} {draw.choice(SITES)}",
    "town": lambda draw: made_up(draw, draw.choice((2, 3))).capitalize(),
    "firm": lambda draw: f"{made_up(draw).capitalize()} {draw.choice(FIRMS)}",
    "device": lambda draw: f"{draw.choice(DEVICES)} {made_up(draw)[:2].upper()}-{draw.randrange(10, 1000)}",
    "event": lambda draw: f"{made_up(draw).capitalize()} {draw.choice(EVENTS)}",
    "project": lambda draw: f"Project {made_up(draw).capitalize()}",
    "dish": lambda draw: f"{made_up(draw)} {draw.choice(_WORDS['dishes'])}",
}


def _number(draw: random.Random, low: int = 3, high: int = 6) -> str:
    digits = draw.randint(low, high)
    return str(draw.randrange(10 ** (digits - 1), 10**digits))


def _time(draw: random.Random) -> str:
    hour, minute = draw.randrange(24), draw.randrange(60)
    if draw.random() < 0.5:
        return f"{hour:02}:{minute:02}"
    return f"{hour % 12 or 12}:{minute:02} {'a.m.' if hour < 12 else 'p.m.'}"


def _price(draw: random.Random) -> str:
    sign = draw.choice("$€£")
    return f"{sign}{draw.randrange(1000, 1_000_000):,}" if draw.random() < 0.4 else f"{sign}{draw.randrange(2, 1000)}.{draw.randrange(100):02}"


def _date(draw: random.Random) -> str:
    day, month, year = draw.randint(1, 28), draw.choice(MONTHS.split("|")), draw.randrange(1700, 2030)
    return draw.choice((f"{day} {month} {year}", f"{month} {day}, {year}"))


def _handle(draw: random.Random) -> str:
    return f"{made_up(draw)}{draw.choice(('.', '_', '-'))}{made_up(draw, 1)}{draw.randrange(10, 100)}"


def _code(draw: random.Random) -> str:
    letters = "".join(draw.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(draw.randint(2, 3)))
    return f"{letters}-{_number(draw, 3, 5)}" if draw.random() < 0.6 else f"{_number(draw, 2, 3)}{letters}{_number(draw, 2, 2)}"


# The value of a template, from a random source and words of the prose.
VALUES = {
    "number": lambda draw, words: _number(draw),
    "grouped": lambda draw, words: f"{draw.randrange(1000, 1_000_000):,}",
    "time": lambda draw, words: _time(draw),
    "price": lambda draw, words: _price(draw),
    "date": lambda draw, words: _date(draw),
    "handle": lambda draw, words: _handle(draw),
    "code": lambda draw, words: _code(draw),
    "word": lambda draw, words: made_up(draw, draw.choice((2, 3))),
    "name": lambda draw, words: made_up(draw, draw.choice((2, 3))).capitalize(),
    "person": lambda draw, words: _person(draw),
    "phrase": lambda draw, words: f"{draw.choice(words)} {draw.choice(words)}",
    "seat": lambda draw, words: f"{draw.randrange(10, 90)}{draw.choice('ABCDEFGH')}",
    "firm": lambda draw, words: f"{made_up(draw).capitalize()} {draw.choice(FIRMS)}",
}

TEMPLATES = tuple(
    Template(one["subject"], one["value"], tuple(one["statements"]), tuple(one["questions"]))
    for one in _WORDS["templates"]
)


@dataclass(frozen=True)
class Fact:
    template: Template
    subject: str
    value: str

    def statement(self, draw: random.Random) -> str:
        text = draw.choice(self.template.statements).format(s=self.subject, v=self.value)
        return text[0].upper() + text[1:].replace("m..", "m.")  # a time ends with a full stop of its own

    def question(self, draw: random.Random) -> str:
        return draw.choice(self.template.questions).format(s=self.subject)


class FactSource(QuestionSource):
    """Facts in prose."""

    def __init__(self, prose: ProseSource, most: int = 16, distractors: float = 0.3) -> None:
        """most: facts of one context. distractors: chance that the same is told of another subject as well."""
        self.prose, self.most, self.distractors = prose, most, distractors
        draw, words = random.Random(0), set()
        for _ in range(500):
            words.update(_WORD.findall(prose.draw(draw, 400)))
            if len(words) > _PROSE_WORDS:
                break
        self.words = sorted(words) or ["amber", "window"]

    def fact(self, draw: random.Random, template: Template, taken: str, used: set[str]) -> Fact:
        """A fact whose subject and value occur neither in a text (lower case) nor, even in part, in what is used."""

        def new(make: Callable[[], str]) -> str:
            while True:
                made = make()
                low = made.lower()
                if low not in taken and not any(low in other or other in low for other in used):
                    used.add(low)
                    return made

        subject = new(lambda: SUBJECTS[template.subject](draw))
        return Fact(template, subject, new(lambda: VALUES[template.value](draw, self.words)))

    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        characters = wanted.characters(draw)
        text = "\n\n".join(self.prose.passages(draw, characters))
        expected = math.sqrt(characters / CHARACTERS_PER_TOKEN / _TOKENS) * draw.uniform(0.6, 1.6)
        count = max(1, min(self.most, round(expected)))
        taken, used = text.lower(), set[str]()
        templates = draw.sample(TEMPLATES, min(count, len(TEMPLATES)))
        asked = [self.fact(draw, template, taken, used) for template in templates]
        stated = list(asked)
        turns: list[tuple[str, str | None]] = []
        for number, fact in enumerate(asked):
            if draw.random() < wanted.unanswerable:
                # About another subject, or about something that no fact tells.
                if draw.random() < 0.5:
                    stated.remove(fact)
                else:
                    fact = self.fact(draw, fact.template, taken, used)
                turns.append((fact.question(draw), None))
            else:
                turns.append((fact.question(draw), fact.value))
            if draw.random() < self.distractors:
                stated.append(self.fact(draw, fact.template, taken, used))
        return Questions(turns, [hidden(text, [fact.statement(draw) for fact in stated], draw)])


def hidden(text: str, statements: list[str], draw: random.Random) -> str:
    """The text with the statements behind sentences of it, at random depths."""
    places = []
    for statement in statements:
        end = _SENTENCE_END.search(text, draw.randrange(len(text) + 1)) if text else None
        places.append((end.end() if end else draw.choice((0, len(text))), statement))
    parts, last = [], 0
    draw.shuffle(places)
    for place, statement in sorted(places, key=lambda one: one[0]):
        parts += [text[last:place], f" {statement}" if place else f"{statement} "]
        last = place
    return "".join([*parts, text[last:]]).strip()
