"""Questions with their contexts, drawn from SQuAD paragraphs or from rows with passages.

Texts stay text until they are drawn, so distractors and their order differ every time. A question that its context
does not answer comes without an answer: its own paragraph is left out of the context, and no reference answer occurs
in what is left."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gmsa_training.config import DataConfig
from gmsa_training.data.jsonl import DataError, read_jsonl
from gmsa_training.evaluation.metrics import normalise_answer

CHARACTERS_PER_TOKEN = 4.2  # of English text in byte-level BPE; only for choosing how much text to tokenise
_LONGEST_ANSWER = 150  # characters; longer ones are descriptions, which a 135M model cannot be held to
_NEAR = 5  # paragraphs before and after that may be distractors of the same article
_TRIES = 4  # for a question that a context does not answer


@dataclass(frozen=True)
class Questions:
    """Questions, each with its answer or None where the context does not hold it, and the passages of their common
    context as texts (a title on the first line, if any)."""

    turns: Sequence[tuple[str, str | None]]
    passages: Sequence[str]


@dataclass(frozen=True)
class Wanted:
    """How contexts are to be drawn: the share of unanswerable questions, and the chance of each length in tokens."""

    unanswerable: float = 0.0
    context_tokens: dict[int, float] = field(default_factory=dict)

    def characters(self, draw: random.Random) -> float:
        """How long one context shall be."""
        return draw.choices(list(self.context_tokens), list(self.context_tokens.values()))[0] * CHARACTERS_PER_TOKEN


def passage_text(passage: dict[str, str]) -> str:
    return f"{passage['title']}\n{passage['text']}" if passage.get("title") else passage["text"]


class Context:
    """Passages, to look for answers in."""

    def __init__(self, passages: Iterable[str]) -> None:
        self.text = normalise_answer("\n".join(passages))

    def holds(self, answers: Iterable[str]) -> bool:
        """Whether any of the answers occurs, in whatever case and punctuation."""
        return any(normalise_answer(answer) in self.text for answer in answers)


class QuestionSource(ABC):
    """Questions of one file. validation: questions that are never drawn, on their own paragraph alone."""

    validation: list[Questions]

    @abstractmethod
    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        """Questions of one context, its passages shuffled."""


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
            _Paragraph(one.title, one.text, [turn for turn in one.turns if len(turn[1]) <= _LONGEST_ANSWER])
            for one in paragraphs[: max(0, kept)]
        ]
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
            characters = self.config.max_context_tokens * CHARACTERS_PER_TOKEN
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
        for _ in range(_TRIES):
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
        titled = len(chosen) > 1 and draw.random() < self.config.titled
        passages = [self.paragraphs[number].passage(titled) for number in chosen]
        unanswerable = [i for i in range(len(turns)) if draw.random() < wanted.unanswerable]
        if unanswerable:
            context = Context(passages)
            for i in unanswerable:
                turns[i] = self._foreign(own, chosen, context, draw) or turns[i]
            draw.shuffle(turns)
        return Questions(turns, passages)


@dataclass(frozen=True)
class _Row:
    question: str
    answers: list[str]
    passages: list[str]
    # Passages that hold the answer or lead to it are kept when a context is cut down; all others are distractors.
    gold: frozenset[int]


class RowSource(QuestionSource):
    """Rows of one question and the passages that come with it."""

    def __init__(self, rows: Sequence[dict[str, Any]], config: DataConfig) -> None:
        self.config = config
        self.validation = []
        self.rows: list[_Row] = []
        for row in rows:
            answers = [answer.strip() for answer in row["answers"]]
            if not answers[0] or len(answers[0]) > _LONGEST_ANSWER:
                continue
            texts = [passage_text(passage) for passage in row["passages"]]
            gold = row.get("gold", [])
            holding = {i for i, text in enumerate(texts) if answers[0].lower() in text.lower()}
            holding |= set(gold if isinstance(gold, list) else [gold])
            self.rows.append(_Row(row["question"].strip(), answers, texts, frozenset(holding or range(len(texts)))))

    def _cut(self, row: _Row, wanted: Wanted, draw: random.Random) -> list[str]:
        budget = self.config.max_context_tokens * CHARACTERS_PER_TOKEN
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
        for attempt in range(_TRIES):
            other = draw.choice(self.rows)
            if attempt == 0 and own and draw.random() < 0.7:
                other = _Row(row.question, row.answers, [row.passages[i] for i in own], frozenset())
            passages = self._cut(other, wanted, draw)
            if other.question != row.question or own:
                if not Context(passages).holds(row.answers):
                    return passages
        return None

    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        row = draw.choice(self.rows)
        if draw.random() < wanted.unanswerable and (passages := self._without_answer(row, wanted, draw)):
            return Questions([(row.question, None)], passages)
        return Questions([(row.question, row.answers[0])], self._cut(row, wanted, draw))


def open_questions(path: Path, config: DataConfig) -> QuestionSource:
    """The source of a file; raises DataError if there is nothing to train on."""
    rows = list(read_jsonl(path))
    paragraphs = [row for row in rows if "qas" in row]
    source: QuestionSource
    if paragraphs:
        source = ParagraphSource(paragraphs, config)
        empty = not source.places
    else:
        source = RowSource(rows, config)
        empty = not source.rows
    if empty:
        raise DataError(f"{path} holds no questions to train on.")
    return source


def unanswered(questions: Sequence[Questions], draw: random.Random) -> list[Questions]:
    """Validation questions, each asked about the paragraph of another one that does not hold its answer."""
    found = []
    for one in questions:
        (question, answer), other = one.turns[0], draw.choice(questions)
        if answer is not None and not Context(other.passages).holds([answer]):
            found.append(Questions([(question, None)], other.passages))
    return found
