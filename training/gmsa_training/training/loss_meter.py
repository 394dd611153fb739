"""Training losses by objective and rate."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from gmsa_training.data.packed_batch import PackedBatch


class LossMeter:
    """Sums of losses by objective and rate, kept on the device so that no step waits for it."""

    def __init__(self, objectives: list[str], rates: list[int], device: torch.device) -> None:
        """objectives: and whatever else is summed up alike."""
        self.objectives, self.rates = objectives, rates
        self.known = torch.tensor(rates, device=device)
        self.sums = torch.zeros(len(objectives), len(rates), 2, device=device)

    def add(self, batch: PackedBatch, losses: Tensor, name: str | None = None, places: Tensor | None = None) -> None:
        """losses [Q], or [P] at places [P] of the labels; name: other than the batch's objective."""
        rates = batch.sample_rates[batch.label_sample if places is None else batch.label_sample[places]]
        chosen = (rates.unsqueeze(0) == self.known.unsqueeze(1)).float()  # [rates, labels]
        row = self.sums[self.objectives.index(name or batch.objective)]
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
