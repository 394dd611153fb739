"""Training losses by objective and rate."""

import torch
from accelerate import Accelerator
from torch import Tensor


class LossMeter:
    """Sums of losses by objective and rate, kept on the device so that no step waits for it."""

    def __init__(self, names: list[str], rates: list[int], accelerator: Accelerator) -> None:
        """names: of objectives, and of whatever else is summed up alike."""
        self.names, self.rates, self.accelerator = names, rates, accelerator
        self.known = torch.tensor(rates, device=accelerator.device)
        self.sums = torch.zeros(len(names), len(rates), 2, device=accelerator.device)

    def add(self, name: str, rates: Tensor, losses: Tensor) -> None:
        """losses [N], of one objective, and the rate of each, [N]."""
        chosen = (rates.unsqueeze(0) == self.known.unsqueeze(1)).float()  # [rates, labels]
        row = self.sums[self.names.index(name)]
        row[:, 0] += chosen @ losses.detach().float()
        row[:, 1] += chosen.sum(-1)

    def take(self) -> dict[str, float]:
        """Mean loss (nats a token) of each objective and rate since the last call, as `autoencoding/4`, over all processes."""
        sums = self.accelerator.reduce(self.sums, "sum").tolist()
        self.sums.zero_()
        return {
            f"{name}/{rate}": sums[i][j][0] / sums[i][j][1]
            for i, name in enumerate(self.names)
            for j, rate in enumerate(self.rates)
            if sums[i][j][1]
        }
