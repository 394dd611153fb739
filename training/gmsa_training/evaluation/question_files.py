"""Questions as an evaluation asks them: of a file, without their answer, or with a filled context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gmsa_training.data.qa_data import EvaluationQuestion, read_questions
from gmsa_training.evaluation.filling import fill_contexts
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.unanswerable import make_unanswerable


class QuestionFiles:
    """Evaluations that share one read each file once, and fill its contexts once for models that cut alike."""

    def __init__(self) -> None:
        self._whole: dict[Path, list[EvaluationQuestion]] = {}
        self._made: dict[tuple[Any, ...], list[EvaluationQuestion]] = {}

    def read(self, path: Path) -> list[EvaluationQuestion]:
        """All questions of a file. Raises DataError with file and line."""
        if path not in self._whole:
            self._whole[path] = read_questions(path)
        return self._whole[path]

    def questions(
        self, gmsa: Gmsa, path: Path, limit: int | None = None, unanswerable: bool = False, fill: int | None = None
    ) -> list[EvaluationQuestion]:
        """The first `limit` questions; unanswerable and fill as the options of `evaluate`."""
        everything = self.read(path)
        questions = everything[:limit]
        if not unanswerable and not fill:
            return questions
        key = (path, limit, unanswerable, fill, gmsa.cutter if fill else None)
        if key not in self._made:
            if unanswerable:
                questions = make_unanswerable(questions, everything)
            if fill:
                questions = fill_contexts(questions, everything, fill, gmsa.encode)
            self._made[key] = questions
        return self._made[key]
