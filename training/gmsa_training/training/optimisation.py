"""Learning rate and moving average."""

from __future__ import annotations

import torch

from gmsa_training.config import Stage


class Averaged:
    """Exponential moving average of the trained parameters."""

    def __init__(self, parameters: list[torch.nn.Parameter], decay: float) -> None:
        """parameters: the optimiser's."""
        self.parameters, self.decay, self.steps = parameters, decay, 0
        self.values = [parameter.detach().clone() for parameter in parameters] if decay else []

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        if self.decay:
            decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
            torch._foreach_lerp_(self.values, [p.detach() for p in self.parameters], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchanges the parameters with their average; called twice, it changes nothing."""
        for parameter, value in zip(self.parameters, self.values):
            current = parameter.detach().clone()
            parameter.copy_(value)
            value.copy_(current)


def learning_rate(stage: Stage, step: int, elapsed: float) -> float:
    """Warm-up, constant, and a fall to the final value over the last `decay` of the stage, by steps or by seconds."""
    progress = max(step / stage.steps if stage.steps else 0.0, elapsed / stage.seconds if stage.seconds else 0.0)
    warmup = min(1.0, (step + 1) / max(1, stage.warmup_steps))
    if stage.decay <= 0 or progress <= 1 - stage.decay:
        return stage.learning_rate * warmup
    left = max(0.0, (1 - progress) / stage.decay)
    if stage.schedule == "cosine":
        left = 0.5 - 0.5 * float(torch.cos(torch.tensor(left * torch.pi)))
    return warmup * (stage.final_learning_rate + (stage.learning_rate - stage.final_learning_rate) * left)
