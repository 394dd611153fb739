"""A budget shared out among the segments of a text; the browser's suite reads the same vectors."""

from __future__ import annotations

import itertools
import json

import pytest

from scripts.rate_allocation import Rates, allocate_rates, extra_cost, room
from scripts.shared_vectors import RATE_ALLOCATION, rate_allocation_vectors

VECTORS = json.loads(RATE_ALLOCATION.read_text())["cases"]


def rates_of(case: dict) -> Rates:
    return Rates(**case["rates"])


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_gives_the_rates_of_the_shared_vectors(case):
    tokens, losses = ([one[key] for one in case["segments"]] for key in ("tokens", "loss"))
    assert allocate_rates(tokens, losses, case["budget"], rates_of(case)) == case["segment_rates"]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["name"])
def test_no_other_choice_within_the_budget_is_worth_more_and_of_equal_ones_the_first_segments_are_taken(case):
    rates = rates_of(case)
    tokens = [one["tokens"] for one in case["segments"]]
    costs = [extra_cost(one, rates) for one in tokens]
    left = room(tokens, case["budget"], rates)

    def worth(chosen: tuple[bool, ...]) -> float:
        total = 0.0
        for one, taken in zip(reversed(case["segments"]), reversed(chosen)):
            total = one["tokens"] * one["loss"] + total if taken else total
        return total

    allowed = [
        chosen
        for chosen in itertools.product([True, False], repeat=len(tokens))
        if sum(cost for cost, taken in zip(costs, chosen) if taken) <= left
        and all(cost for cost, taken in zip(costs, chosen) if taken)
    ]
    expected = max(allowed, key=lambda chosen: (worth(chosen), chosen))
    assert case["segment_rates"] == [rates.fine if taken else rates.coarse for taken in expected]


def test_the_shared_vectors_are_those_that_their_script_writes():
    assert rate_allocation_vectors() == VECTORS


def test_a_budget_below_the_higher_rate_is_refused():
    with pytest.raises(ValueError, match="1 soft tokens too few for rate 4"):
        allocate_rates([64, 64], [1.0, 1.0], 31, Rates(4, 2))
