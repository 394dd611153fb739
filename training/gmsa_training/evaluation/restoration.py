"""Scores of restored texts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.qa_data import Document
from gmsa_training.evaluation import metrics
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.metrics import mean_with_interval
from gmsa_training.evaluation.questions import reporter


def windows(
    gmsa: Gmsa, documents: list[Document], tokens: int, limit: int | None
) -> list[tuple[Document, list[list[int]]]]:
    """The first `tokens` tokens of each document that is long enough: one segment if the segment length allows it,
    else the segments of their text."""
    found = []
    for document in documents:
        if limit is not None and len(found) >= limit:
            break
        (ids,) = gmsa.encode([document.text])
        if len(ids) < tokens:
            continue
        ids = ids[:tokens]
        whole = tokens <= gmsa.config.segment_length
        found.append((document, [ids] if whole else [segment.ids for segment in gmsa.segments(gmsa.decode(ids))]))
    return found


def evaluate_restoration(
    gmsa: Gmsa, documents: list[Document], tokens: int, rate: int, limit: int | None = None, progress: bool = False
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compresses and restores windows of `tokens` tokens. Gives scores and one record a window."""
    chosen = windows(gmsa, documents, tokens, limit)
    if not chosen:
        raise DataError(f"No document has {tokens} tokens.")
    flat = [ids for _, segments in chosen for ids in segments]
    soft = gmsa.compress(flat, rate, reporter("segments", progress))
    inputs = [gmsa.restore_input(one, len(ids)) for one, ids in zip(soft, flat)]
    restored = iter(gmsa.generate(inputs, reporter("restored", progress)))
    predictions = [[token for _ in segments for token in next(restored).token_ids] for _, segments in chosen]
    references = [[token for ids in segments for token in ids] for _, segments in chosen]
    texts = [
        (gmsa.decode(prediction), gmsa.decode(reference)) for prediction, reference in zip(predictions, references)
    ]
    corpus, each = metrics.token_bleu(predictions, references)
    prefixes = [metrics.prefix_match(prediction, reference) for prediction, reference in zip(predictions, references)]
    scores: dict[str, Any] = {
        "token_bleu": corpus,
        "token_bleu_per_text": asdict(mean_with_interval(each)),
        "sacrebleu": metrics.text_bleu(*(list(side) for side in zip(*texts))),
        "prefix_em": asdict(mean_with_interval(prefixes)),
        "n": len(chosen),
        "tokens": tokens,
    }
    records = [
        {
            "source": document.source,
            "text": reference,
            "restored": prediction,
            "token_ids": ids,
            "token_bleu": bleu,
            "prefix_em": prefix,
        }
        for (document, _), (prediction, reference), ids, bleu, prefix in zip(chosen, texts, predictions, each, prefixes)
    ]
    return scores, records
