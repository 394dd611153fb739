"""The source of a file of questions."""

from __future__ import annotations

from pathlib import Path

from gmsa_training.config import DataConfig
from gmsa_training.data.jsonl import DataError, read_jsonl
from gmsa_training.data.questions.generated import GeneratedSource
from gmsa_training.data.questions.paragraphs import ParagraphSource
from gmsa_training.data.questions.rows import RowSource
from gmsa_training.data.questions.source import QuestionSource


GENERATED = "generated"  # in the place of a file's name


def open_questions(path: Path, config: DataConfig) -> QuestionSource:
    """The source of a file; raises DataError if there is nothing to train on."""
    if path.name == GENERATED:
        return GeneratedSource(config)
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
