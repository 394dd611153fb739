"""Readers of the files that models are measured on, in JSON Lines, plain or compressed:

    {"id", "question", "answers": [...], "passages": [{"title", "text"}, ...], "gold"?: number or numbers}
    {"title", "text", "qas": [{"id", "question", "answers": [...]}, ...]}      SQuAD, one paragraph a line
    {"title", "text"}                                                          prose

The id may be missing or null; the place in the file then serves. scripts/lib/qa-data.mjs reads them alike for the browser."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

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

    def about(self, passages: Sequence[str]) -> EvaluationQuestion:
        """The same question about other passages, of which none is known to hold the answer."""
        return replace(self, context=PASSAGE_BREAK.join(passages), passages=tuple(passages), gold=())


@dataclass(frozen=True)
class Document:
    """One text of prose; source: its kind, where the file says so."""

    text: str
    source: str


def _question(
    value: Any, name: str, passages: tuple[str, ...], gold: tuple[int, ...], where: str
) -> EvaluationQuestion:
    """name: the id of a question that has none."""
    if isinstance(value, dict):
        answers = value.get("answers")
        own = value.get("id")
        texts = [name if own is None else own, value.get("question"), *(answers if isinstance(answers, list) else [None])]
        if len(texts) > 2 and all(isinstance(text, str) for text in texts):
            return EvaluationQuestion(
                texts[0], value["question"], tuple(answers), PASSAGE_BREAK.join(passages), passages, gold
            )
    raise DataError(f"{where}, has a question without a question, a list of answers that are texts, or an id that is a text.")


def _passages(row: dict[str, Any], where: str) -> tuple[str, ...]:
    """The parts of the text that is compressed, each after its title where it has one; of SQuAD the paragraph alone."""
    passages = row.get("passages")
    if passages is None and isinstance(row.get("text"), str):
        return (row["text"],)
    if isinstance(passages, list) and all(
        isinstance(one, dict) and isinstance(one.get("text"), str) for one in passages
    ):
        return tuple(map(passage_text, passages))
    raise DataError(f"{where}, has neither a text nor passages with texts.")


def _gold(row: dict[str, Any], passages: tuple[str, ...], where: str) -> tuple[int, ...]:
    gold = row.get("gold", [])
    gold = tuple(gold) if isinstance(gold, list) else (gold,)
    if all(isinstance(one, int) and 0 <= one < len(passages) for one in gold):
        return gold
    raise DataError(f"{where}, has a `gold` that is not the number of a passage, or a list of such numbers.")


def _questions(path: Path) -> Iterator[EvaluationQuestion]:
    for number, row in numbered_rows(path):
        where = f"{path}, line {number}"
        asked = row.get("qas", [row])
        if not isinstance(asked, list):
            raise DataError(f"{where}, has `qas` that are not a list.")
        passages = _passages(row, where)
        gold = _gold(row, passages, where)
        for index, value in enumerate(asked, start=1):
            yield _question(value, f"line {number}, question {index}", passages, gold, where)


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
