"""Measures whether the restoration loss at the higher of two rates foretells which segments of a text should get the
lower one, where the budget is half way between the two:

    python -m gmsa_training mixed_rates --checkpoint ../models/NAME --prose prose.heldout.jsonl.gz --rates 8 4 2

Of each text, the loss when every segment is written back at the rate it was given: shared out by the loss at the higher
rate (as `targetTokens` of the library does), by chance, and in the best possible way, which needs both losses."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.qa_data import Document, read_documents
from gmsa_training.evaluation import measurement
from gmsa_training.evaluation.budget import Rates, share_budget, share_in_order, soft_tokens
from gmsa_training.evaluation.chunks import work_through
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.metrics import mean_with_interval, ratio_with_interval
from gmsa_training.evaluation.questions import reporter
from gmsa_training.evaluation.record_file import RecordFile, finish_report, partial_path
from gmsa_training.evaluation.restoration_loss import restoration_losses
from gmsa_training.evaluation.runtimes import (
    add_model_options,
    check_model_options,
    identity_of,
    model_settings,
)
from gmsa_training.evaluation.time_limit import TimeLimit

SEGMENTS = 8
_RANDOM_ORDERS = 200
WAYS = ("coarse", "chance", "signal", "best", "fine")
_LABELS = {
    "coarse": "all at the higher rate",
    "chance": "shared out by chance",
    "signal": "by the loss at the higher rate",
    "best": "in the best way",
    "fine": "all at the lower rate",
}


@dataclass(frozen=True)
class Text:
    """Token ids of consecutive segments. documents: of how many documents they are."""

    segments: list[list[int]]
    documents: int


def texts_of(gmsa: Gmsa, documents: Sequence[Document], segments: int, seed: int = 0) -> Iterator[Text]:
    """Texts of exactly so many segments, documents in a random order that is always the same. A document that is long
    enough gives one text, its beginning; shorter ones are put together, each cut by itself. What is left at the end
    makes no text."""
    documents = list(documents)
    random.Random(seed).shuffle(documents)
    waiting: list[list[list[int]]] = []  # documents, none of them long enough
    for document in documents:
        cut = [segment.ids for segment in gmsa.segments(document.text)]
        if len(cut) >= segments:
            yield Text(cut[:segments], 1)
            continue
        waiting += [cut] if cut else []
        if sum(map(len, waiting)) >= segments:
            yield Text([ids for one in waiting for ids in one][:segments], len(waiting))
            waiting = []


def text_losses(tokens: Sequence[int], losses: dict[int, Sequence[float]], rates: Rates, seed: str = "") -> dict[str, float]:
    """Mean loss a token of one text by way of sharing out; losses: of each segment, by rate. `changed` is the share of
    segments that the signal gives another rate than the best way does."""
    coarse, fine = losses[rates.coarse], losses[rates.fine]
    least, most = (sum(soft_tokens(one, rate) for one in tokens) for rate in (rates.coarse, rates.fine))
    budget = (least + most) // 2

    def mean(shared: Sequence[int]) -> float:
        return sum(n * losses[rate][i] for i, (n, rate) in enumerate(zip(tokens, shared))) / sum(tokens)

    draw = random.Random(seed)
    orders = (draw.sample(range(len(tokens)), len(tokens)) for _ in range(_RANDOM_ORDERS))
    chance = [mean(share_in_order(tokens, order, budget, rates)) for order in orders]
    signal = share_budget(tokens, coarse, budget, rates)
    best = share_budget(tokens, [a - b for a, b in zip(coarse, fine)], budget, rates)
    return {
        "coarse": mean([rates.coarse] * len(tokens)),
        "chance": sum(chance) / len(chance),
        "signal": mean(signal),
        "best": mean(best),
        "fine": mean([rates.fine] * len(tokens)),
        "changed": sum(a != b for a, b in zip(signal, best)) / len(tokens),
    }


def pair_scores(records: list[dict[str, Any]], rates: Rates) -> dict[str, Any]:
    """Means over texts with bootstrap intervals. signal_gain, best_gain: what is saved over chance, in the same texts;
    gained: their ratio, 1 if the signal is as good as the best way and 0 if no better than chance."""
    each = []
    for record in records:
        tokens = [one["tokens"] for one in record["segments"]]
        losses = {
            rate: [one["losses"][str(rate)] for one in record["segments"]] for rate in (rates.coarse, rates.fine)
        }
        each.append(text_losses(tokens, losses, rates, record["id"]))
    gains = {way: [one["chance"] - one[way] for one in each] for way in ("signal", "best")}
    gained = ratio_with_interval(gains["signal"], gains["best"])
    return {
        "coarse_rate": rates.coarse,
        "fine_rate": rates.fine,
        "losses": {way: asdict(mean_with_interval([one[way] for one in each])) for way in WAYS},
        "signal_gain": asdict(mean_with_interval(gains["signal"])),
        "best_gain": asdict(mean_with_interval(gains["best"])),
        "gained": asdict(gained) if gained else None,
        "changed": asdict(mean_with_interval([one["changed"] for one in each])),
    }


def mixed_rates_scores(records: list[dict[str, Any]], rates: Sequence[int], of: int) -> dict[str, Any]:
    pairs = [Rates(*pair) for pair in pairwise(sorted(rates, reverse=True))]
    alone = sum(record["documents"] == 1 for record in records)
    return {"pairs": [pair_scores(records, pair) for pair in pairs], "n": len(records), "of": of, "of_one_document": alone}


def _measure(gmsa: Gmsa, number: int, text: Text, rates: Sequence[int]) -> dict[str, Any]:
    losses = {str(rate): restoration_losses(gmsa, text.segments, rate) for rate in rates}
    segments = [
        {"tokens": len(ids), "losses": {rate: one[i] for rate, one in losses.items()}}
        for i, ids in enumerate(text.segments)
    ]
    return {"id": f"text-{number}", "documents": text.documents, "segments": segments}


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training mixed_rates",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_model_options(parser)
    parser.add_argument("--prose", type=Path, required=True, help="held-out prose")
    parser.add_argument("--rates", type=int, nargs="+", default=[8, 4], help="neighbours are compared (default 8 4)")
    parser.add_argument("--segments", type=int, default=SEGMENTS, help=f"of a text (default {SEGMENTS})")
    parser.add_argument("--limit", type=int, help="the first so many texts of the random order")
    parser.add_argument("--seconds", type=float, help="begins no further texts after so many; the same command goes on")
    parser.add_argument("--json", type=Path, help="writes settings, scores and one record a text")
    return parser


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    check_model_options(parser, options)
    if not options.checkpoint:
        parser.error("Losses are computed in PyTorch; give --checkpoint, which takes a model folder as well.")
    if len(set(options.rates)) < 2 or len(set(options.rates)) < len(options.rates):
        parser.error("--rates must be two or more different ones.")
    if options.segments < 2 or (options.limit or 1) < 1 or (options.seconds or 1) <= 0:
        parser.error("--segments must be at least 2, --limit at least 1 and --seconds above 0.")


def evaluate(gmsa: Gmsa, options: argparse.Namespace) -> dict[str, Any]:
    """The report: settings, scores, seconds and records. options: checked ones of `parser`."""
    limit, started = TimeLimit(options.seconds), time.monotonic()
    for rate in options.rates:
        gmsa.check_rate(rate)
    settings = model_settings(options) | {
        "data": options.prose.name,
        "task": "mixed_rates",
        "kind": "mixed_rates",
        "prompt": "plain",
        "rate": None,
        "rates": options.rates,
        "segments": options.segments,
        "limit": options.limit,
    }
    texts = list(texts_of(gmsa, list(read_documents(options.prose)), options.segments))[: options.limit]
    if not texts:
        raise DataError(f"{options.prose} has no {options.segments} segments.")
    file = RecordFile(partial_path(options.json), identity_of(settings, options.checkpoint, options.prose))
    measured = reporter("texts", True)

    def measure(numbers: Sequence[int]) -> list[dict[str, Any]]:
        measured(len(file.records), len(texts))
        return [_measure(gmsa, number, texts[number], options.rates) for number in numbers]

    work_through(([number] for number in range(len(texts)) if number not in file.records), measure, file, limit)
    records = [file.records[number] for number in sorted(file.records)]
    scores = mixed_rates_scores(records, options.rates, len(texts))
    return finish_report(settings, scores, records, started, options.json, file)


def print_report(report: dict[str, Any]) -> None:
    settings, scores = report["settings"], report["scores"]
    print(
        f"{settings['model']}: n = {scores['n']} of {scores['of']} texts of {settings['segments']} segments, "
        f"{scores['of_one_document']} of one document each, {report['seconds']} s; nats a token [95 % interval]"
    )
    for pair in scores["pairs"]:
        print(f"rates {pair['coarse_rate']} and {pair['fine_rate']}, a budget half way between")
        for way, mean in pair["losses"].items():
            print(f"  {_LABELS[way]:<32}{mean['value']:.4f}  [{mean['low']:.4f}, {mean['high']:.4f}]")
        if gained := pair["gained"]:
            values = (f"{100 * gained[key]:.0f}" for key in ("value", "low", "high"))
            print("  of what the best way saves over chance, the signal saves {} % [{}, {}]".format(*values))
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    return measurement.run(sys.modules[__name__], arguments)


if __name__ == "__main__":
    sys.exit(main())
