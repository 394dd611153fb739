"""Training losses by objective and rate."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


class LossMeter:
    """Sums of losses by objective and rate, kept on the device so that no step waits for it."""

    def __init__(self, objectives: list[str], rates: list[int], device: torch.device) -> None:
        """objectives: and whatever else is summed up alike."""
        self.objectives, self.rates = objectives, rates
        self.known = torch.tensor(rates, device=device)
        self.sums = torch.zeros(len(objectives), len(rates), 2, device=device)

    def add(self, name: str, rates: Tensor, losses: Tensor) -> None:
        """losses [N], of one objective, and the rate of each, [N]."""
        chosen = (rates.unsqueeze(0) == self.known.unsqueeze(1)).float()  # [rates, labels]
        row = self.sums[self.objectives.index(name)]
        row[:, 0] += chosen @ losses.detach().float()
        row[:, 1] += chosen.sum(-1)

    def take(self) -> dict[str, float]:
        """Mean loss (nats a token) of each objective and rate since the last call, as `autoencoding/4`."""
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(self.sums)
        sums = self.sums.tolist()
        self.sums.zero_()
        return {
            f"{objective}/{rate}": sums[i][j][0] / sums[i][j][1]
            for i, objective in enumerate(self.objectives)
            for j, rate in enumerate(self.rates)
            if sums[i][j][1]
        }
