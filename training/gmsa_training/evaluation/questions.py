"""Scores of answered questions."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from gmsa_training.data.evaluation_data import EvaluationQuestion
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN
from gmsa_training.evaluation import metrics
from gmsa_training.evaluation.inference import Gmsa, InferenceError
from gmsa_training.evaluation.metrics import mean_with_interval
from gmsa_training.evaluation.readings import QUOTING_MODES, Reader

# Full batches of a chunk, by rows as by positions, so that a device is kept busy and memory stays bounded.
_CHUNK_BATCHES = 2


def reporter(what: str, enabled: bool) -> Callable[[int, int], None]:
    """Prints progress, at most every five seconds."""
    last = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        if enabled and time.monotonic() - last > 5:
            last = time.monotonic()
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    return report


def _chunks(questions: Sequence[EvaluationQuestion], gmsa: Gmsa) -> list[list[int]]:
    """Numbers of the questions, those about one context together."""
    rows = _CHUNK_BATCHES * gmsa.batch_size
    room = _CHUNK_BATCHES * gmsa.runtime.max_positions * CHARACTERS_PER_TOKEN
    by_context: dict[str, list[int]] = {}
    for number, one in enumerate(questions):
        by_context.setdefault(one.context, []).append(number)
    chunks: list[list[int]] = []
    characters = 0
    for context, numbers in by_context.items():
        if not chunks or len(chunks[-1]) + len(numbers) > rows or characters + len(context) > room:
            chunks.append([])
            characters = 0
        chunks[-1] += numbers
        characters += len(context)
    return chunks


def _record(gmsa: Gmsa, one: EvaluationQuestion, token_ids: list[int]) -> dict[str, Any]:
    prediction = metrics.first_line(gmsa.decode(token_ids))
    refused = metrics.refused(prediction, gmsa.config.refusal)
    # Where the text holds no answer, the refusal is the right one (as SQuAD 2.0 counts).
    score = (lambda metric: metric(prediction, one.answers)) if one.answers else (lambda _: refused)
    return {
        "id": one.id,
        "question": one.question,
        "answers": list(one.answers),
        "prediction": prediction,
        "token_ids": token_ids,
        "em": score(metrics.exact_match),
        "f1": score(metrics.f1),
        "accuracy": score(metrics.accuracy),
        "refused": refused,
    }


def question_scores(gmsa: Gmsa, records: list[dict[str, Any]], unanswerable: bool) -> dict[str, Any]:
    """Means with intervals; mean tokens of the contexts, and of what was read in their place."""
    names = [] if unanswerable else ["em", "f1", "accuracy"]
    names += ["refused"] if gmsa.config.refusal else []
    scores: dict[str, Any] = {name: asdict(mean_with_interval([one[name] for one in records])) for name in names}
    for name in ("tokens", "read"):
        scores[f"mean_{name}"] = sum(one[name] for one in records) / len(records)
    return scores | {"n": len(records)}


def evaluate_questions(
    gmsa: Gmsa,
    questions: list[EvaluationQuestion],
    mode: str,
    rate: int,
    progress: bool = False,
    *,
    chat: bool = False,
    unanswerable: bool = False,
    quoted: int | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Gives scores and one record a question, in order; `readings.py` has the modes.

    unanswerable: no context holds its answer, so only refusals are scored."""
    if unanswerable and not gmsa.config.refusal:
        raise InferenceError("The model has no refusal: it was not trained to say that a text does not hold the answer.")
    if mode == "gmsa" and chat:
        raise InferenceError("Soft tokens are read through the model's own template, not through the chat template.")
    if mode in QUOTING_MODES and not gmsa.config.quote_template:
        raise InferenceError("The model has no quote template: it was not trained to read quotes.")
    quoted = quoted or gmsa.config.quote_tokens
    if mode == "auto":
        return _arbitrated(gmsa, questions, rate, progress, unanswerable, quoted)
    reader = Reader(gmsa, mode, rate, chat, quoted)
    segments, answered = reporter("segments", progress), reporter("questions", progress)
    records: dict[int, dict[str, Any]] = {}
    for chunk in _chunks(questions, gmsa):
        readings = reader.read([questions[number] for number in chunk], segments)
        done = len(records)
        generated = gmsa.generate([one.input for one in readings], lambda new, _: answered(done + new, len(questions)))
        for number, reading, output in zip(chunk, readings, generated, strict=True):
            sizes = {"tokens": reading.tokens, "read": reading.read}
            records[number] = _record(gmsa, questions[number], output.token_ids) | sizes
    ordered = [records[number] for number in sorted(records)]
    return question_scores(gmsa, ordered, unanswerable), ordered


def _arbitrated(
    gmsa: Gmsa, questions: list[EvaluationQuestion], rate: int, progress: bool, unanswerable: bool, quoted: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Mode `auto`: several readings, one after the other; each record says which one it is from."""
    short = Reader(gmsa, "whole", rate).is_short
    whole = [number for number, one in enumerate(questions) if short(one)]
    long = sorted(set(range(len(questions))) - set(whole))
    records: dict[int, dict[str, Any]] = {}

    def ask(numbers: list[int], mode: str) -> list[int]:
        """Gives those that were refused."""
        if not numbers:
            return []
        asked = [questions[number] for number in numbers]
        _, found = evaluate_questions(gmsa, asked, mode, rate, progress, unanswerable=unanswerable, quoted=quoted)
        records.update({number: record | {"reading": mode} for number, record in zip(numbers, found, strict=True)})
        return [number for number, record in zip(numbers, found) if record["refused"]]

    ask(whole, "whole")
    ask(ask(long, "quotes"), "both")
    ordered = [records[number] for number in range(len(questions))]
    return question_scores(gmsa, ordered, unanswerable), ordered
