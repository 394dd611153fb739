"""Scores of restored texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.qa_data import Document
from gmsa_training.evaluation import metrics
from gmsa_training.evaluation.chunks import fixed_order, in_pieces, work_through
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.metrics import mean_with_interval
from gmsa_training.evaluation.questions import reporter
from gmsa_training.evaluation.record_file import RecordFile
from gmsa_training.evaluation.time_limit import TimeLimit


def windows(gmsa: Gmsa, documents: list[Document], tokens: int, limit: int | None) -> list[tuple[Document, list[int]]]:
    """The first `tokens` tokens of each document that is long enough."""
    found = []
    for several in in_pieces(documents, 64):
        for document, ids in zip(several, gmsa.encode([one.text for one in several])):
            if len(ids) >= tokens:
                found.append((document, ids[:tokens]))
        if limit is not None and len(found) >= limit:
            break
    return found[:limit]


def window_segments(gmsa: Gmsa, ids: list[int]) -> list[list[int]]:
    """One segment if the segment length allows it, else the segments of the window's text."""
    if len(ids) <= gmsa.config.segment_length:
        return [ids]
    return [segment.ids for segment in gmsa.segments(gmsa.decode(ids))]


def _restored(gmsa: Gmsa, segments: list[list[list[int]]], rate: int) -> Iterator[list[int]]:
    """Of each window the tokens that its segments are restored to."""
    flat = [ids for one in segments for ids in one]
    soft = gmsa.compress(flat, rate)
    generated = iter(gmsa.generate([gmsa.restore_input(one, len(ids)) for one, ids in zip(soft, flat)]))
    for one in segments:
        yield [token for _ in one for token in next(generated).token_ids]


def evaluate_restoration(
    gmsa: Gmsa,
    documents: list[Document],
    tokens: int,
    rate: int,
    limit: int | None = None,
    progress: bool = False,
    *,
    file: RecordFile | None = None,
    time_limit: TimeLimit | None = None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compresses and restores windows of `tokens` tokens. Gives scores and one record a window, in order.

    file: keeps what is restored, and has that of an earlier call. time_limit: no further windows are begun when it is
    up; they come in a random order that is always the same."""
    chosen = windows(gmsa, documents, tokens, limit)
    if not chosen:
        raise DataError(f"No document has {tokens} tokens.")
    gmsa.check_rate(rate)
    file = file or RecordFile(None, {})
    left = [number for number in fixed_order(range(len(chosen))) if number not in file.records]
    longest = min(tokens, gmsa.config.segment_length)
    one = gmsa.restore_input(range(-(-longest // rate)), longest)
    rows = gmsa.rows_of(len(one) + one.max_new_tokens)
    restored = reporter("restored", progress)

    def restore(numbers: Sequence[int]) -> list[dict[str, Any]]:
        found = list(_restored(gmsa, [window_segments(gmsa, chosen[number][1]) for number in numbers], rate))
        restored(len(file.records) + len(found), len(chosen))
        return [{"token_ids": ids} for ids in found]

    work_through(in_pieces(left, max(1, rows // -(-tokens // longest))), restore, file, time_limit or TimeLimit())
    return _scored(gmsa, chosen, file.records, tokens)


def _scored(
    gmsa: Gmsa, chosen: list[tuple[Document, list[int]]], records: dict[int, dict[str, Any]], tokens: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    numbers = sorted(records)
    predictions = [records[number]["token_ids"] for number in numbers]
    references = [[token for ids in window_segments(gmsa, chosen[number][1]) for token in ids] for number in numbers]
    texts = [(gmsa.decode(prediction), gmsa.decode(reference)) for prediction, reference in zip(predictions, references)]
    corpus, each = metrics.token_bleu(predictions, references)
    prefixes = [metrics.prefix_match(prediction, reference) for prediction, reference in zip(predictions, references)]
    scores: dict[str, Any] = {
        "token_bleu": corpus,
        "token_bleu_per_text": asdict(mean_with_interval(each)),
        "sacrebleu": metrics.text_bleu(*(list(side) for side in zip(*texts))),
        "prefix_em": asdict(mean_with_interval(prefixes)),
        "n": len(numbers),
        "of": len(chosen),
        "tokens": tokens,
    }
    return scores, [
        {
            "source": chosen[number][0].source,
            "text": reference,
            "restored": prediction,
            "token_ids": ids,
            "token_bleu": bleu,
            "prefix_em": prefix,
        }
        for number, (prediction, reference), ids, bleu, prefix in zip(numbers, texts, predictions, each, prefixes)
    ]
