"""Scores of answered questions."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gmsa_training.data.qa_data import EvaluationQuestion
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN
from gmsa_training.evaluation import metrics
from gmsa_training.evaluation.chunks import fixed_order, in_pieces, work_through
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.metrics import mean_with_interval
from gmsa_training.evaluation.reading import Reader
from gmsa_training.evaluation.record_file import RecordFile
from gmsa_training.evaluation.time_limit import TimeLimit

# Full batches of a chunk, by rows as by positions: a device is kept busy, and a time limit holds within a few seconds.
_CHUNK_BATCHES = 2
# Chunks whose texts are cut together: for many texts there are processes, which take a while to start.
_CUT_TOGETHER = 8


def reporter(what: str, enabled: bool) -> Callable[[int, int], None]:
    """Prints progress, at most every five seconds."""
    last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        if enabled and time.monotonic() - last > 5:
            last = time.monotonic()
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    return report


def _chunks(questions: Sequence[EvaluationQuestion], done: Container[int], gmsa: Gmsa) -> list[list[int]]:
    """Numbers of the questions that are not done, those of one context together. The order of the contexts does not
    depend on what is done, so that samples of several evaluations overlap as far as they can."""
    rows = _CHUNK_BATCHES * gmsa.batch_size
    room = _CHUNK_BATCHES * gmsa.runtime.max_positions * CHARACTERS_PER_TOKEN
    by_context: dict[str, list[int]] = {}
    for number, one in enumerate(questions):
        by_context.setdefault(one.context, []).append(number)
    chunks: list[list[int]] = []
    characters = 0
    for context in fixed_order(by_context):
        numbers = [number for number in by_context[context] if number not in done]
        if not numbers:
            continue
        if not chunks or len(chunks[-1]) + len(numbers) > rows or characters + len(context) > room:
            chunks.append([])
            characters = 0
        chunks[-1] += numbers
        characters += len(context)
    return chunks


def _record(gmsa: Gmsa, one: EvaluationQuestion, token_ids: list[int]) -> dict[str, Any]:
    prediction = metrics.first_line(gmsa.decode(token_ids))
    return {
        "id": one.id,
        "question": one.question,
        "answers": list(one.answers),
        "prediction": prediction,
        "token_ids": token_ids,
        "em": metrics.exact_match(prediction, one.answers),
        "f1": metrics.f1(prediction, one.answers),
        "accuracy": metrics.accuracy(prediction, one.answers),
        "refused": metrics.refused(prediction, gmsa.config.refusal),
    }


def question_scores(gmsa: Gmsa, records: list[dict[str, Any]], of: int, unanswerable: bool) -> dict[str, Any]:
    """Means with intervals. of: how many questions there are, where the time did not suffice for all."""
    names = [] if unanswerable else ["em", "f1", "accuracy"]
    names += ["refused"] if gmsa.config.refusal else []
    scores: dict[str, Any] = {name: asdict(mean_with_interval([one[name] for one in records])) for name in names}
    scores |= {"n": len(records), "of": of}
    for name in ("tokens", "read"):
        scores[f"mean_{name}"] = sum(one[name] for one in records) / len(records)
    return scores


def evaluate_questions(
    gmsa: Gmsa,
    questions: list[EvaluationQuestion],
    mode: str,
    rate: int,
    progress: bool = False,
    *,
    chat: bool = False,
    unanswerable: bool = False,
    file: RecordFile | None = None,
    limit: TimeLimit | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Gives scores and one record a question, in order; `reading.py` has the modes.

    unanswerable: no context holds its answer, so only refusals are scored. file: keeps the records, and has those of
    an earlier call, which are not computed again. limit: no further questions are begun when the time is up."""
    if unanswerable and not gmsa.config.refusal:
        raise InferenceError("The model has no refusal: it was not trained to say that a text does not hold the answer.")
    if mode == "gmsa" and chat:
        raise InferenceError("Soft tokens are read through the model's own template, not through the chat template.")
    file, limit = file or RecordFile(None, {}), limit or TimeLimit()
    reader = Reader(gmsa, mode, rate, chat)
    segments, answered = reporter("segments", progress), reporter("questions", progress)

    def ask(chunk: Sequence[int]) -> list[dict[str, Any]]:
        done = len(file.records)
        readings = reader.read([questions[number] for number in chunk], segments)
        generated = gmsa.generate(
            [reading.input for reading in readings], lambda new, _: answered(done + new, len(questions))
        )
        return [
            _record(gmsa, questions[number], output.token_ids) | {"tokens": reading.tokens, "read": reading.read}
            for number, reading, output in zip(chunk, readings, generated, strict=True)
        ]

    def chunks() -> Iterator[Sequence[int]]:
        for several in in_pieces(_chunks(questions, set(file.records), gmsa), _CUT_TOGETHER):
            reader.cut(questions[number] for chunk in several for number in chunk)
            yield from several

    work_through(chunks(), ask, file, limit)
    records = [file.records[number] for number in sorted(file.records)]
    return question_scores(gmsa, records, len(questions), unanswerable), records
