"""Scores of answers (the official SQuAD v1.1 script's, and the accuracy of the retrieval papers) and of restored texts.

All scores are between 0 and 1. scripts/lib/squad-metrics.mjs computes the answers' scores alike for the browser."""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sacrebleu.metrics import BLEU

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> str:
    """Lower case, without punctuation and articles, white space squeezed."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(prediction: str, references: Sequence[str]) -> float:
    normalised = normalise_answer(prediction)
    return float(any(normalised == normalise_answer(reference) for reference in references))


def f1(prediction: str, references: Sequence[str]) -> float:
    """Best word-level F1 over the references. Nothing in common is 0, also if both are empty, as in the script."""
    predicted = normalise_answer(prediction).split()

    def against(reference: str) -> float:
        expected = normalise_answer(reference).split()
        common = sum((Counter(predicted) & Counter(expected)).values())
        return 2 * common / (len(predicted) + len(expected)) if common else 0.0

    return max(map(against, references), default=0.0)


def accuracy(prediction: str, references: Sequence[str]) -> float:
    """1 if a reference occurs in the prediction, both normalised."""
    normalised = normalise_answer(prediction)
    expected = map(normalise_answer, references)
    return float(any(reference and reference in normalised for reference in expected))


def holds_answer(text: str, answers: Sequence[str]) -> bool:
    """Whether an answer stands in a text, as whole words, both normalised. Yes and no are answers that stand nowhere."""
    words = f" {normalise_answer(text)} "
    expected = {normalise_answer(answer) for answer in answers} - {"", "yes", "no"}
    return any(f" {answer} " in words for answer in expected)


def refused(prediction: str, refusal: str) -> float:
    """1 if the prediction is the model's refusal, both normalised; 0 for a model that has none ("")."""
    return float(bool(refusal) and normalise_answer(prediction) == normalise_answer(refusal))


def first_line(output: str) -> str:
    """What is scored of an output: its first line, trimmed."""
    return output.strip().split("\n", 1)[0].strip()


def token_bleu(predictions: Sequence[Sequence[int]], references: Sequence[Sequence[int]]) -> tuple[float, list[float]]:
    """BLEU-4 over token ids: of the whole corpus, and of each text (exponentially smoothed)."""
    metric = BLEU(tokenize="none", force=True)
    found, expected = ([" ".join(map(str, ids)) for ids in side] for side in (predictions, references))
    each = [metric.sentence_score(a, [b]).score / 100 for a, b in zip(found, expected, strict=True)]
    # Without the effective order, a text of fewer than four tokens has no BLEU-4 even if it is right.
    each = [1.0 if a == b else score for score, a, b in zip(each, found, expected)]
    return metric.corpus_score(found, [expected]).score / 100, each


def text_bleu(predictions: Sequence[str], references: Sequence[str]) -> float:
    """sacrebleu's corpus BLEU with its defaults (tokeniser 13a), as 0 to 1."""
    return BLEU().corpus_score(list(predictions), [list(references)]).score / 100


def prefix_match(prediction: Sequence[int], reference: Sequence[int]) -> float:
    """Prefix EM: the share of the reference's tokens before the first that differs."""
    pairs = enumerate(zip(prediction, reference))
    matching = next((place for place, (a, b) in pairs if a != b), min(len(prediction), len(reference)))
    return matching / len(reference) if len(reference) else 1.0


@dataclass(frozen=True)
class Mean:
    """A mean and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def percent(self) -> str:
        return f"{100 * self.value:.1f}  [{100 * self.low:.1f}, {100 * self.high:.1f}]"


def _interval(values: np.ndarray, mean: Callable[[np.ndarray], np.ndarray]) -> Mean:
    """Percentile bootstrap over the last axis with 2,000 resamples; the same values give the same interval."""
    draws = np.random.default_rng(0).integers(0, values.shape[-1], (2000, values.shape[-1]))
    low, high = np.percentile(mean(values[..., draws]), [2.5, 97.5])
    return Mean(float(mean(values)), float(low), float(high))


def mean_with_interval(values: Sequence[float]) -> Mean:
    if not len(values):
        raise ValueError("There are no values to average.")
    return _interval(np.asarray(values, dtype=np.float64), lambda drawn: drawn.mean(-1))


def ratio_with_interval(values: Sequence[float], references: Sequence[float]) -> Mean | None:
    """Mean of the values over the mean of the references of the same questions, with a paired bootstrap: both are
    resampled together. None where the references' mean is 0, in the data or in a resample."""
    if not np.any(references):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _interval(np.asarray([values, references], dtype=np.float64), lambda pair: pair[0].mean(-1) / pair[1].mean(-1))
    return found if np.isfinite(found.high) else None
