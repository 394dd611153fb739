"""Scores of restored texts."""

from dataclasses import asdict
from typing import Any

from tqdm import tqdm

from gmsa_training.data.evaluation_data import Document
from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation import metrics
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.metrics import mean_with_interval


def windows(gmsa: Gmsa, documents: list[Document], tokens: int) -> list[tuple[Document, list[int]]]:
    """The first `tokens` tokens of each document that is long enough."""
    ids = gmsa.encode([one.text for one in documents])
    return [(document, found[:tokens]) for document, found in zip(documents, ids) if len(found) >= tokens]


def window_segments(gmsa: Gmsa, ids: list[int]) -> list[list[int]]:
    """One segment if the segment length allows it, else the segments of the window's text."""
    if len(ids) <= gmsa.config.segment_length:
        return [ids]
    return [segment.ids for segment in gmsa.segments(gmsa.decode(ids))]


def evaluate_restoration(
    gmsa: Gmsa, documents: list[Document], tokens: int, rate: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compresses and restores the first `tokens` tokens of each document that has as many. Gives scores and one record a
    window."""
    chosen = windows(gmsa, documents, tokens)
    if not chosen:
        raise DataError(f"No document has {tokens} tokens.")
    predictions, references = [], []
    for start in tqdm(range(0, len(chosen), gmsa.batch_size), "batches of windows", mininterval=5):
        segments = [window_segments(gmsa, ids) for _, ids in chosen[start : start + gmsa.batch_size]]
        flat = [ids for one in segments for ids in one]
        soft = gmsa.compress(flat, rate)
        restored = iter(gmsa.generate([gmsa.restore_input(one, len(ids)) for one, ids in zip(soft, flat)]))
        predictions += [[token for _ in one for token in next(restored).token_ids] for one in segments]
        references += [[token for ids in one for token in ids] for one in segments]
    texts = [(gmsa.decode(prediction), gmsa.decode(reference)) for prediction, reference in zip(predictions, references)]
    corpus, each = metrics.token_bleu(predictions, references)
    prefixes = [metrics.prefix_match(prediction, reference) for prediction, reference in zip(predictions, references)]
    scores: dict[str, Any] = {
        "token_bleu": corpus,
        "token_bleu_per_text": asdict(mean_with_interval(each)),
        "sacrebleu": metrics.text_bleu(*(list(side) for side in zip(*texts))),
        "prefix_em": asdict(mean_with_interval(prefixes)),
        "n": len(chosen),
        "of": len(chosen),
    }
    return scores, [
        {"source": document.source, "text": reference, "restored": prediction, "token_ids": ids, "token_bleu": bleu, "prefix_em": prefix}
        for (document, _), (prediction, reference), ids, bleu, prefix in zip(chosen, texts, predictions, each, prefixes)
    ]
