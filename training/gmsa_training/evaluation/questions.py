"""Scores of answered questions."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gmsa_training.data.qa_data import EvaluationQuestion
from gmsa_training.evaluation import metrics
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.metrics import mean_with_interval
from gmsa_training.evaluation.reading import Reader
from gmsa_training.evaluation.record_file import RecordFile

# Of the texts that are worked on, and whose soft tokens are held, at a time: about two million tokens.
_CHUNK_CHARACTERS = 8_000_000


def reporter(what: str, enabled: bool) -> Callable[[int, int], None]:
    """Prints progress, at most every five seconds."""
    last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        if enabled and time.monotonic() - last > 5:
            last = time.monotonic()
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    return report


def _chunks(questions: Sequence[EvaluationQuestion], left: list[int], size: int) -> Iterator[list[int]]:
    """Numbers of questions, those of one context together. Contexts come in a random order, always the same, so that
    whatever is done when the time is up is a fair sample."""
    by_context: dict[str, list[int]] = {}
    for number in left:
        by_context.setdefault(questions[number].context, []).append(number)
    contexts = list(by_context)
    random.Random(0).shuffle(contexts)
    chunk: list[int] = []
    characters = 0
    for context in contexts:
        if chunk and (len(chunk) + len(by_context[context]) > size or characters + len(context) > _CHUNK_CHARACTERS):
            yield chunk
            chunk, characters = [], 0
        chunk += by_context[context]
        characters += len(context)
    if chunk:
        yield chunk


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
    seconds: float | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Gives scores and one record a question, in order; `reading.py` has the modes.

    unanswerable: no context holds its answer, so only refusals are scored. file: keeps the records, and has those of
    an earlier call, which are not computed again. seconds: no further questions are begun after so many."""
    if unanswerable and not gmsa.config.refusal:
        raise InferenceError("The model has no refusal: it was not trained to say that a text does not hold the answer.")
    if mode == "gmsa" and chat:
        raise InferenceError("Soft tokens are read through the model's own template, not through the chat template.")
    file = file or RecordFile(None, {})
    reader = Reader(gmsa, mode, rate, chat)
    started = time.monotonic()
    segments, answered = reporter("segments", progress), reporter("questions", progress)
    left = [number for number in range(len(questions)) if number not in file.records]
    for chunk in _chunks(questions, left, 4 * gmsa.batch_size):
        if seconds is not None and time.monotonic() - started > seconds and file.records:
            break
        done = len(file.records)
        readings = reader.read([questions[number] for number in chunk], segments)
        generated = gmsa.generate(
            [reading.input for reading in readings], lambda new, _, done=done: answered(done + new, len(questions))
        )
        file.add(
            {
                number: _record(gmsa, questions[number], output.token_ids)
                | {"tokens": reading.tokens, "read": reading.read}
                for number, reading, output in zip(chunk, readings, generated, strict=True)
            }
        )
    records = [file.records[number] for number in sorted(file.records)]
    return question_scores(gmsa, records, len(questions), unanswerable), records
