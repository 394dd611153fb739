"""Readers of the files that models are measured on, in JSON Lines, plain or compressed:

    {"id", "question", "answers": [...], "passages": [{"title", "text"}, ...]}
    {"title", "text", "qas": [{"id", "question", "answers": [...]}, ...]}      SQuAD, one paragraph a line
    {"title", "text"}                                                          prose

scripts/lib/qa-data.mjs reads them alike for the browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gmsa_training.jsonl import DataError, numbered_rows
from gmsa_training.training_data import passage_text


@dataclass(frozen=True)
class EvaluationQuestion:
    """A question about a text, with its reference answers."""

    id: str
    question: str
    answers: tuple[str, ...]
    context: str


@dataclass(frozen=True)
class Document:
    """One text of prose; source: its kind, where the file says so."""

    text: str
    source: str


def _question(value: Any, context: str, where: str) -> EvaluationQuestion:
    if isinstance(value, dict):
        answers = value.get("answers")
        texts = [value.get("id"), value.get("question"), *(answers if isinstance(answers, list) else [None])]
        if len(texts) > 2 and all(isinstance(text, str) for text in texts):
            return EvaluationQuestion(value["id"], value["question"], tuple(answers), context)
    raise DataError(f"{where}, has a question without an id, a question or a non-empty list of answers.")


def context_text(row: dict[str, Any], where: str) -> str:
    """The text that is compressed: passages joined by a blank line, each after its title where it has one; of SQuAD
    the paragraph alone."""
    passages = row.get("passages")
    if passages is None and isinstance(row.get("text"), str):
        return row["text"]
    if isinstance(passages, list) and all(
        isinstance(one, dict) and isinstance(one.get("text"), str) for one in passages
    ):
        return "\n\n".join(map(passage_text, passages))
    raise DataError(f"{where}, has neither a text nor passages with texts.")


def _questions(path: Path) -> Iterator[EvaluationQuestion]:
    for number, row in numbered_rows(path):
        where = f"{path}, line {number}"
        asked = row.get("qas", [row])
        if not isinstance(asked, list):
            raise DataError(f"{where}, has `qas` that are not a list.")
        context = context_text(row, where)
        for value in asked:
            yield _question(value, context, where)


def read_questions(path: str | Path, limit: int | None = None) -> list[EvaluationQuestion]:
    """The first `limit` questions of a file, in its order. Raises DataError with file and line."""
    found = []
    for question in _questions(Path(path)):
        if limit is not None and len(found) >= limit:
            break
        found.append(question)
    if not found:
        raise DataError(f"{path} holds no questions.")
    return found


def read_documents(path: str | Path) -> Iterator[Document]:
    """The texts of a prose file."""
    for number, row in numbered_rows(path):
        if not isinstance(row.get("text"), str):
            raise DataError(f"{path}, line {number}, has no text.")
        yield Document(row["text"], str(row.get("source", "")))
