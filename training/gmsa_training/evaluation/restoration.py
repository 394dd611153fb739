"""Scores of restored texts."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from gmsa_training.data.evaluation_data import Document
from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation import metrics
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.metrics import mean_with_interval
from gmsa_training.evaluation.questions import reporter


def windows(gmsa: Gmsa, documents: list[Document], tokens: int) -> list[tuple[Document, list[int]]]:
    """The first `tokens` tokens of each document that is long enough."""
    ids = gmsa.encode([one.text for one in documents])
    return [(document, found[:tokens]) for document, found in zip(documents, ids) if len(found) >= tokens]


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
    gmsa: Gmsa, documents: list[Document], tokens: int, rate: int, progress: bool = False
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compresses and restores the first `tokens` tokens of each document that has as many. Gives scores and one record a
    window."""
    chosen = windows(gmsa, documents, tokens)
    if not chosen:
        raise DataError(f"No document has {tokens} tokens.")
    gmsa.check_rate(rate)
    longest = min(tokens, gmsa.config.segment_length)
    one = gmsa.restore_input(range(-(-longest // rate)), longest)
    size = max(1, gmsa.rows_of(len(one) + one.max_new_tokens) // -(-tokens // longest))
    restored = reporter("restored", progress)
    expected = [window_segments(gmsa, ids) for _, ids in chosen]
    predictions: list[list[int]] = []
    for start in range(0, len(chosen), size):
        predictions += _restored(gmsa, expected[start : start + size], rate)
        restored(len(predictions), len(chosen))
    return _scored(gmsa, chosen, predictions, [[token for ids in one for token in ids] for one in expected])


def _scored(
    gmsa: Gmsa, chosen: list[tuple[Document, list[int]]], predictions: list[list[int]], references: list[list[int]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    texts = [(gmsa.decode(prediction), gmsa.decode(reference)) for prediction, reference in zip(predictions, references)]
    corpus, each = metrics.token_bleu(predictions, references)
    prefixes = [metrics.prefix_match(prediction, reference) for prediction, reference in zip(predictions, references)]
    scores: dict[str, Any] = {
        "token_bleu": corpus,
        "token_bleu_per_text": asdict(mean_with_interval(each)),
        "sacrebleu": metrics.text_bleu(*(list(side) for side in zip(*texts))),
        "prefix_em": asdict(mean_with_interval(prefixes)),
        "n": len(chosen),
    }
    return scores, [
        {"source": document.source, "text": reference, "restored": prediction, "token_ids": ids, "token_bleu": bleu, "prefix_em": prefix}
        for (document, _), (prediction, reference), ids, bleu, prefix in zip(chosen, texts, predictions, each, prefixes)
    ]
