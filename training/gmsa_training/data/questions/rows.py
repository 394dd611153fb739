"""Rows of one question and the passages that come with it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gmsa_training.config import DataConfig
from gmsa_training.data.questions.altered import Alterations
from gmsa_training.data.questions.source import (
    CHARACTERS_PER_TOKEN,
    LONGEST_ANSWER,
    LONGEST_SUMMARY,
    TRIES,
    Context,
    Questions,
    QuestionSource,
    Wanted,
    passage_text,
)


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
        self.validation = []
        self.rows: list[_Row] = []
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
            self.rows.append(_Row(question, answers, texts, frozenset(holding or range(len(texts))), history, is_general))
        self.alterations = Alterations([row.answers[0] for row in self.rows if row.answers])

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
            other = draw.choice(self.rows)
            if attempt == 0 and own and draw.random() < 0.7:
                other = _Row(row.question, row.answers, [row.passages[i] for i in own], frozenset(), row.history, row.is_general)
            passages = self._cut(other, wanted, draw)
            if other.question != row.question or own:
                if not Context(passages).holds(row.answers):
                    return passages
        return None

    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        row = draw.choice(self.rows)
        histories = [row.history] if row.history else []
        if not row.answers:
            return Questions([(row.question, None)], self._cut(row, wanted, draw), histories)
        if draw.random() < wanted.unanswerable and not row.is_general and (passages := self._without_answer(row, wanted, draw)):
            return Questions([(row.question, None)], passages)
        item = Questions([(row.question, row.answers[0])], self._cut(row, wanted, draw), histories)
        if not self.config.altered or row.history:
            return item
        return self.alterations.alter(item, self.config.altered, draw, row.answers)
