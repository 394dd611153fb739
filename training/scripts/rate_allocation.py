"""Which segments of a text get the lower of two rates, where there is room for some of them only: the reference for the
browser's rate allocation, from which `shared_vectors.py` makes the cases of both test suites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Rates:
    """Tokens a soft token: of all segments, and of those that get more soft tokens."""

    coarse: int
    fine: int


def soft_tokens(tokens: int, rate: int) -> int:
    return -(-tokens // rate)


def extra_cost(tokens: int, rates: Rates) -> int:
    """Soft tokens that a segment takes more at the lower rate than at the higher one."""
    return soft_tokens(tokens, rates.fine) - soft_tokens(tokens, rates.coarse)


def room(tokens: Sequence[int], budget: int, rates: Rates) -> int:
    """What a budget leaves when all segments have the higher rate."""
    return budget - sum(soft_tokens(one, rates.coarse) for one in tokens)


def allocate_rates(tokens: Sequence[int], losses: Sequence[float], budget: int, rates: Rates) -> list[int]:
    """The rate of each segment: an exact 0/1 knapsack. Those get the lower rate whose sum of tokens * loss is largest
    while the soft tokens of all keep to `budget`; of equal sums, the one that holds the first segment, then the second
    and so on. A segment that has as many soft tokens at either rate keeps the higher one.

    losses: a token, at the higher rate. budget: at least what all segments take at the higher rate.
    Sums are built from the last segment to the first, in f64, so that both languages round alike."""
    left = room(tokens, budget, rates)
    if left < 0:
        raise ValueError(f"A budget of {budget} is {-left} soft tokens too few for rate {rates.coarse}.")
    costs = [extra_cost(one, rates) for one in tokens]
    # best[i][w]: the largest sum of segments i and later with w soft tokens.
    best = [[0.0] * (left + 1)]
    for one, loss, cost in zip(reversed(tokens), reversed(losses), reversed(costs)):
        last = best[-1]
        gain = one * loss
        if cost > 0:
            best.append([value if w < cost else max(value, gain + last[w - cost]) for w, value in enumerate(last)])
        else:
            best.append(last)
    best.reverse()
    shared = []
    for i, (one, loss, cost) in enumerate(zip(tokens, losses, costs)):
        taken = 0 < cost <= left and one * loss + best[i + 1][left - cost] >= best[i + 1][left]
        shared.append(rates.fine if taken else rates.coarse)
        left -= cost if taken else 0
    return shared
