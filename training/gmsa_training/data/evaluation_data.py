"""Readers of the files that models are measured on, in JSON Lines, plain or compressed:

    {"id", "question", "answers": [...], "passages": [{"title", "text"}, ...], "gold"?: number or numbers}
    {"title", "text", "qas": [{"id", "question", "answers": [...]}, ...]}      SQuAD, one paragraph a line
    {"title", "text"}                                                          prose

The id may be missing or null; the place in the file then serves. scripts/lib/qa-data.mjs reads them alike for the browser."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from gmsa_training.data.jsonl import DataError, numbered_rows
from gmsa_training.data.questions.source import passage_text

PASSAGE_BREAK = "\n\n"


@dataclass(frozen=True)
class EvaluationQuestion:
    """A question about a text, with its reference answers. passages: the parts that make up the context; gold: the
    numbers of those that hold the answer, where the file says so."""

    id: str
    question: str
    answers: tuple[str, ...]
    context: str
    passages: tuple[str, ...] = ()
    gold: tuple[int, ...] = ()

    def about(self, passages: Sequence[str]) -> "EvaluationQuestion":
        """The same question about other passages, of which none is known to hold the answer."""
        return replace(self, context=PASSAGE_BREAK.join(passages), passages=tuple(passages), gold=())


@dataclass(frozen=True)
class Document:
    """One text of prose; source: its kind, where the file says so."""

    text: str
    source: str


class _Question(BaseModel, strict=True):
    id: str | None = None
    question: str
    answers: list[str]  # none where the text holds none


class _Passage(BaseModel, strict=True):
    title: str | None = None
    text: str


class _Row(BaseModel, strict=True):
    text: str | None = None
    passages: list[_Passage] | None = None
    gold: int | list[int] = []
    qas: list[_Question] | None = None


def _rows(path: Path) -> Iterator[tuple[int, _Row, list[_Question]]]:
    """Line number, row and its questions."""
    for number, value in numbered_rows(path):
        try:
            row = _Row.model_validate(value)
            yield number, row, row.qas if row.qas is not None else [_Question.model_validate(value)]
        except ValidationError as error:
            first = error.errors()[0]
            raise DataError(f"{path}, line {number}, {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


def _questions(path: Path) -> Iterator[EvaluationQuestion]:
    for number, row, asked in _rows(path):
        if row.passages is None and row.text is None:
            raise DataError(f"{path}, line {number}, has neither a text nor passages.")
        # Of SQuAD the paragraph alone; passages come after their titles.
        passages = (row.text or "",) if row.passages is None else tuple(passage_text(one.model_dump()) for one in row.passages)
        gold = tuple(row.gold) if isinstance(row.gold, list) else (row.gold,)
        if not all(0 <= one < len(passages) for one in gold):
            raise DataError(f"{path}, line {number}, has a `gold` that is not the number of a passage.")
        for index, one in enumerate(asked, start=1):
            name = f"line {number}, question {index}" if one.id is None else one.id
            yield EvaluationQuestion(name, one.question, tuple(one.answers), PASSAGE_BREAK.join(passages), passages, gold)


def read_questions(path: str | Path, limit: int | None = None) -> list[EvaluationQuestion]:
    """The first `limit` questions of a file, in its order. Raises DataError with file and line."""
    found = list(islice(_questions(Path(path)), limit))
    if not found:
        raise DataError(f"{path} holds no questions.")
    return found


def read_documents(path: str | Path) -> Iterator[Document]:
    """The texts of a prose file."""
    for number, row in numbered_rows(path):
        if not isinstance(row.get("text"), str):
            raise DataError(f"{path}, line {number}, has no text.")
        yield Document(row["text"], str(row.get("source", "")))
