"""Made-up everyday documents with questions, a new one each time."""

from __future__ import annotations

import random

from gmsa_training.config import DataConfig
from gmsa_training.data.questions.source import Questions, QuestionSource, Wanted
from gmsa_documents import generate

_LONG = ("summary", "key points")


class GeneratedSource(QuestionSource):
    """validation: documents of kinds and layouts that are never trained on."""

    def __init__(self, config: DataConfig) -> None:
        self.config = config
        draw = random.Random(0)
        self.validation = [self._questions(draw, "validation", 2) for _ in range(64)]

    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        return self._questions(draw, "train", self.config.questions_per_context)

    @staticmethod
    def _questions(draw: random.Random, split: str, count: int) -> Questions:
        document = generate(draw, split)
        # Summaries are formulaic: few of them.
        asked = [one for one in document.questions if one.kind not in _LONG or draw.random() < 0.3]
        asked = draw.sample(asked, min(count, len(asked)))
        turns = [(one.question, one.answers[0] if one.answers else None) for one in asked]
        return Questions(turns, [document.text], [one.history for one in asked])
