"""Questions of files: SQuAD's paragraphs, and rows of one question with the passages that come with it. Contexts differ
every time they are drawn."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gmsa_training.config import DataConfig
from gmsa_training.data.jsonl import DataError, read_jsonl
from gmsa_training.data.questions.altered import Alterations
from gmsa_training.data.questions.generated import GeneratedSource
from gmsa_training.data.questions.source import (
    CHARACTERS_PER_TOKEN,
    LONGEST_ANSWER,
    LONGEST_SUMMARY,
    TRIES,
    Context,
    Questions,
    QuestionSource,
    Wanted,
    mix_unanswerable,
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
            replace(one, turns=[turn for turn in one.turns if len(turn[1]) <= LONGEST_ANSWER]) for one in paragraphs[: max(0, kept)]
        ]
        self.alterations = Alterations([answer for one in self.paragraphs for _, answer in one.turns])
        self.drawn = [(number, turn) for number, one in enumerate(self.paragraphs) for turn in range(len(one.turns))]

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

    def _foreign(self, own: int, chosen: list[int], draw: random.Random) -> tuple[str, str] | None:
        """A question of a paragraph that is not in the context."""
        other = self._other(own, 0.6, draw)
        return draw.choice(self.paragraphs[other].turns) if other not in chosen and self.paragraphs[other].turns else None

    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        own, first = draw.choice(self.drawn)
        rest = [turn for i, turn in enumerate(self.paragraphs[own].turns) if i != first]
        draw.shuffle(rest)
        turns: list[tuple[str, str | None]] = [self.paragraphs[own].turns[first], *rest[: self.config.questions_per_context - 1]]
        chosen = self._context(own, wanted, draw)
        titled = draw.random() < self.config.titled
        item = Questions(turns, [self.paragraphs[number].passage(titled) for number in chosen])
        if self.config.altered:
            item = self.alterations.alter(item, self.config.altered, draw)
        return mix_unanswerable(item, wanted.unanswerable, draw, lambda: self._foreign(own, chosen, draw), shuffle=True)


@dataclass(frozen=True)
class _Row:
    question: str
    # Empty where the passages hold none.
    answers: list[str]
    passages: list[str]
    # Passages that hold the answer or lead to it are kept when a context is cut down; all others are distractors.
    gold: frozenset[int]
    # The turns of a conversation before the question.
    history: list[list[str]]
    # Whether another row's passages may answer the question as well: one on a table, or one that many rows ask.
    is_general: bool


class RowSource(QuestionSource):
    """Rows of one question and the passages that come with it."""

    def __init__(self, rows: Sequence[dict[str, Any]], config: DataConfig) -> None:
        self.config = config
        self.drawn: list[_Row] = []
        asked = Counter(row["question"].strip() for row in rows)
        for row in rows:
            answers = [answer.strip() for answer in row["answers"]]
            longest = LONGEST_SUMMARY if row.get("task") else LONGEST_ANSWER
            if answers and not 0 < len(answers[0]) <= longest:
                continue
            texts = [passage_text(passage) for passage in row["passages"]]
            gold = row.get("gold", [])
            holding = {i for i, text in enumerate(texts) if answers and answers[0].lower() in text.lower()}
            holding |= set(gold if isinstance(gold, list) else [gold])
            question, history = row["question"].strip(), row.get("history", [])
            is_general = asked[question] > 1 or bool(history) or "syntax" in row or "task" in row
            self.drawn.append(_Row(question, answers, texts, frozenset(holding or range(len(texts))), history, is_general))
        self.alterations = Alterations([row.answers[0] for row in self.drawn if row.answers])

    def _cut(self, row: _Row, wanted: Wanted, draw: random.Random) -> list[str]:
        budget = min(self.config.max_context_tokens, wanted.longest) * CHARACTERS_PER_TOKEN
        if wanted.context_tokens:
            budget = min(budget, wanted.characters(draw))
        else:
            # A context is not always filled: short ones are to be learnt as well.
            budget *= draw.uniform(0.3, 1.0)
        order = list(range(len(row.passages)))
        draw.shuffle(order)
        order.sort(key=lambda i: i not in row.gold)
        kept: list[str] = []
        for i in order:
            if not kept or budget >= len(row.passages[i]):
                kept.append(row.passages[i])
                budget -= len(row.passages[i])
        draw.shuffle(kept)
        return kept

    def _without_answer(self, row: _Row, wanted: Wanted, draw: random.Random) -> list[str] | None:
        """The row's own distractors, or the passages of another row, if they do not hold the answer."""
        own = [i for i in range(len(row.passages)) if i not in row.gold]
        for attempt in range(TRIES):
            other = draw.choice(self.drawn)
            if attempt == 0 and own and draw.random() < 0.7:
                other = replace(row, passages=[row.passages[i] for i in own], gold=frozenset())
            passages = self._cut(other, wanted, draw)
            if other.question != row.question or own:
                if not Context(passages).holds(row.answers):
                    return passages
        return None

    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        row = draw.choice(self.drawn)
        histories = [row.history] if row.history else []
        if not row.answers:
            return Questions([(row.question, None)], self._cut(row, wanted, draw), histories)
        if draw.random() < wanted.unanswerable and not row.is_general and (passages := self._without_answer(row, wanted, draw)):
            return Questions([(row.question, None)], passages)
        item = Questions([(row.question, row.answers[0])], self._cut(row, wanted, draw), histories)
        if not self.config.altered or row.history:
            return item
        return self.alterations.alter(item, self.config.altered, draw, row.answers)
GENERATED = "generated"  # in the place of a file's name


def open_questions(path: Path, config: DataConfig) -> QuestionSource:
    """The source of a file; raises DataError if there is nothing to train on."""
    if path.name == GENERATED:
        return GeneratedSource(config)
    rows = list(read_jsonl(path))
    paragraphs = [row for row in rows if "qas" in row]
    source = ParagraphSource(paragraphs, config) if paragraphs else RowSource(rows, config)
    if not source.drawn:
        raise DataError(f"{path} holds no questions to train on.")
    return source
