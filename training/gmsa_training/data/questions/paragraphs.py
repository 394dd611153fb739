"""SQuAD: questions of a paragraph, among distractors, which are other paragraphs. Both differ every time."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gmsa_training.config import DataConfig
from gmsa_training.data.questions.altered import Alterations
from gmsa_training.data.questions.source import (
    CHARACTERS_PER_TOKEN,
    LONGEST_ANSWER,
    TRIES,
    Context,
    Questions,
    QuestionSource,
    Wanted,
    passage_text,
)

_NEAR = 5  # paragraphs before and after that may be distractors of the same article


@dataclass(frozen=True)
class _Paragraph:
    title: str
    text: str
    turns: list[tuple[str, str]]

    def passage(self, titled: bool) -> str:
        return passage_text({"title": self.title if titled else "", "text": self.text})


class ParagraphSource(QuestionSource):
    """SQuAD: questions of a paragraph, among distractors, which are other paragraphs."""

    def __init__(self, rows: Sequence[dict[str, Any]], config: DataConfig) -> None:
        self.config = config
        paragraphs = [
            _Paragraph(
                row.get("title") or "", row["text"], [(qa["question"].strip(), qa["answers"][0].strip()) for qa in row["qas"] if qa["answers"]]
            )
            for row in rows
        ]
        kept = len(paragraphs) - config.validation_paragraphs
        self.validation = [Questions([turn], [one.text]) for one in paragraphs[max(0, kept) :] for turn in one.turns]
        self.paragraphs = [
            _Paragraph(one.title, one.text, [turn for turn in one.turns if len(turn[1]) <= LONGEST_ANSWER])
            for one in paragraphs[: max(0, kept)]
        ]
        self.alterations = Alterations([answer for one in self.paragraphs for _, answer in one.turns])
        self.places = [(number, turn) for number, one in enumerate(self.paragraphs) for turn in range(len(one.turns))]

    def _other(self, own: int, near: float, draw: random.Random) -> int:
        """Another paragraph, by chance one near this, which is of the same article and hence a hard distractor."""
        if draw.random() < near:
            number = own + draw.randint(-_NEAR, _NEAR)
            if 0 <= number < len(self.paragraphs) and self.paragraphs[number].title == self.paragraphs[own].title:
                return number
        return draw.randrange(len(self.paragraphs))

    def _context(self, own: int, wanted: Wanted, draw: random.Random) -> list[int]:
        if wanted.context_tokens:
            characters, count = min(wanted.characters(draw), self.config.max_context_tokens * CHARACTERS_PER_TOKEN), 10**6
        else:
            characters = min(self.config.max_context_tokens, wanted.longest) * CHARACTERS_PER_TOKEN
            count = draw.choices(range(len(self.config.distractors)), self.config.distractors)[0]
        chosen, left = [own], characters - len(self.paragraphs[own].text)
        for number in range(min(count, 10 * len(self.paragraphs))):
            other = self._other(own, 0.5 if number == 0 else 0.3, draw)
            if other in chosen:
                continue
            left -= len(self.paragraphs[other].text)
            if left < 0:
                break
            chosen.append(other)
        draw.shuffle(chosen)
        return chosen

    def _foreign(self, own: int, chosen: list[int], context: Context, draw: random.Random) -> tuple[str, None] | None:
        """A question of a paragraph that is not in the context, which does not hold its answer either."""
        for _ in range(TRIES):
            other = self._other(own, 0.6, draw)
            if other not in chosen and self.paragraphs[other].turns:
                question, answer = draw.choice(self.paragraphs[other].turns)
                if not context.holds([answer]):
                    return question, None
        return None

    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        own, first = draw.choice(self.places)
        rest = [turn for i, turn in enumerate(self.paragraphs[own].turns) if i != first]
        draw.shuffle(rest)
        turns: list[tuple[str, str | None]] = [self.paragraphs[own].turns[first], *rest[: self.config.questions_per_context - 1]]
        chosen = self._context(own, wanted, draw)
        titled = draw.random() < self.config.titled
        passages = [self.paragraphs[number].passage(titled) for number in chosen]
        if self.config.altered:
            altered = self.alterations.alter(Questions(turns, passages), self.config.altered, draw)
            turns, passages = list(altered.turns), list(altered.passages)
        unanswerable = [i for i in range(len(turns)) if draw.random() < wanted.unanswerable]
        if unanswerable:
            context = Context(passages)
            for i in unanswerable:
                turns[i] = self._foreign(own, chosen, context, draw) or turns[i]
            draw.shuffle(turns)
        return Questions(turns, passages)
