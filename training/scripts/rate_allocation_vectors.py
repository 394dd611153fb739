"""Writes src/context/budget-vectors.json, the cases of a shared budget that both test suites read:
`python -m gmsa_training.evaluation.budget_vectors ../src/context/budget-vectors.json`."""

from __future__ import annotations

import json
import random
import sys
from typing import Any

from gmsa_training.evaluation.budget import Rates, share_budget, soft_tokens

_Case = tuple[str, list[tuple[int, float]], int, Rates]


def _cases() -> list[_Case]:
    """(name, tokens and loss of each segment, budget, rates)."""
    half = Rates(4, 2)
    cases: list[_Case] = [
        ("no segments", [], 0, half),
        ("nothing is left", [(64, 0.5), (64, 0.9)], 32, half),
        ("the larger loss first", [(64, 0.5), (64, 0.9), (64, 0.7)], 64, half),
        ("room for all", [(64, 0.5), (64, 0.9)], 1000, half),
        ("of equal segments the first", [(64, 0.5), (64, 0.5), (64, 0.5)], 80, half),
        ("of equal sums the one with the first segment", [(40, 0.5), (40, 0.25), (40, 0.75), (40, 0.5)], 60, half),
        ("two small segments before a larger one that is lost more", [(60, 0.6), (40, 0.5), (40, 0.5)], 55, half),
        ("a loss of nothing still takes what is left", [(64, 0.0), (64, 0.5)], 64, half),
        ("a segment of one soft token at either rate keeps the higher rate", [(2, 9.0), (64, 0.1)], 33, half),
        ("ragged last groups", [(9, 1.0), (8, 1.0), (7, 1.0), (5, 1.0)], 12, half),
        ("from 8 to 4", [(512, 1.25), (300, 0.75), (511, 1.0), (80, 2.5)], 240, Rates(8, 4)),
        ("from 8 to 2, where no rate is between", [(512, 1.25), (300, 0.75), (80, 2.5)], 300, Rates(8, 2)),
    ]
    draw = random.Random(3)
    for number in range(10):
        rates = draw.choice([Rates(4, 2), Rates(8, 4)])
        segments = [(draw.randint(1, 512), round(draw.uniform(0, 3), 3)) for _ in range(draw.randint(3, 11))]
        least, most = (sum(soft_tokens(tokens, rate) for tokens, _ in segments) for rate in (rates.coarse, rates.fine))
        cases.append((f"random {number}", segments, draw.randint(least, most), rates))
    return cases


def vectors() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "segments": [{"tokens": tokens, "loss": loss} for tokens, loss in segments],
            "budget": budget,
            "rates": {"coarse": rates.coarse, "fine": rates.fine},
            "segment_rates": share_budget([one[0] for one in segments], [one[1] for one in segments], budget, rates),
        }
        for name, segments, budget, rates in _cases()
    ]


def main(path: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        json.dump({"cases": vectors()}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main(sys.argv[1])
