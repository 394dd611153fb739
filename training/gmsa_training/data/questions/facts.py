"""Made-up facts at random places of prose of any length, each asked for: nothing but the text tells the answer."""

import math
import random
import re
from dataclasses import dataclass

from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.fact_templates import SUBJECTS, TEMPLATES, VALUES, Template
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN, Questions, QuestionSource, Wanted

_TOKENS = 120  # a context of four times as many has twice as many facts
_SENTENCE_END = re.compile(r"[.!?][\"”’)]*(?=\s)")
_WORD = re.compile(r"\b[a-z]{5,9}\b")
_WORDS = 20_000  # of the prose, for phrases


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
            if len(words) > _WORDS:
                break
        self.words = sorted(words) or ["amber", "window"]

    def fact(self, draw: random.Random, template: Template, taken: str, used: set[str]) -> Fact:
        """A fact whose subject and value occur neither in a text (lower case) nor, even in part, in what is used."""

        def new(make) -> str:  # noqa: ANN001
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
