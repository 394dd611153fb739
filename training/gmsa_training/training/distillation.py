"""A teacher that reads the whole context, for the distribution of answers (`DistillationConfig`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gmsa_training.config import ConfigError, DistillationConfig
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.model.checkpoint import load_packed
from gmsa_training.model.fixed_weights import with_fixed_weights
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.layers import KeptStates
from gmsa_training.model.token_losses import distilled_losses


@dataclass
class DistilledLoss:
    """What is minimised, and its parts: the negative log-likelihood of every label and KL(teacher || student) there,
    each f32 [Q], and what is unexplained of the states at the turn tokens, f32 [K], where they are compared."""

    total: Tensor
    losses: Tensor
    divergence: Tensor
    unexplained: Tensor | None


class Teacher:
    """The fine-tuned original prompt, frozen and on its grids."""

    def __init__(self, model: GmsaModel, config: DistillationConfig, device: torch.device | str, dtype: torch.dtype) -> None:
        if model.config.method != "full":
            raise ConfigError(f"The teacher {config.teacher} has method {model.config.method!r}; it must be 'full'.")
        self.config = config
        self.model = with_fixed_weights(model, device, dtype)

    @classmethod
    def load(cls, config: DistillationConfig, student: GmsaModel, device: torch.device | str, dtype: torch.dtype) -> Teacher:
        """Raises ConfigError if teacher and student do not read and write the same text."""
        if not (Path(config.teacher) / "config.json").is_file():
            raise ConfigError(f"There is no teacher in {config.teacher}; train configs/full-prompt.yaml first, or give --teacher.")
        model, _, _ = load_packed(config.teacher)
        for name in ("prefix_ids", "end_ids", "question_template", "refusal"):
            wanted, found = getattr(student.config, name), getattr(model.config, name)
            if wanted != found:
                raise ConfigError(f"The teacher {config.teacher} has {name} {found!r}, the student {wanted!r}.")
        if model.embed_tokens.num_embeddings != student.embed_tokens.num_embeddings:
            raise ConfigError(f"The teacher {config.teacher} has another vocabulary.")
        if config.states_weight and len(model.decoder.layers) != len(student.decoder.layers):
            raise ConfigError(f"The teacher {config.teacher} has another number of layers; set states_weight to 0.")
        return cls(model, config, device, dtype)

    def _layers(self, student: GmsaModel) -> list[int]:
        """The layers whose states are compared: the last one, and every so-manieth before it."""
        if not self.config.states_weight:
            return []
        return list(range(len(student.decoder.layers) - 1, -1, -self.config.states_every))[::-1]

    @torch.no_grad()
    def read(self, batch: PackedBatch, layers: Collection[int] = ()) -> tuple[Tensor, list[Tensor]]:
        """The teacher's hidden states [Q, H] at the batch's labels, and after each of the layers those [K, H] at its
        turn tokens, in their orders."""
        assert batch.uncompressed_order is not None and batch.uncompressed_turns is not None
        kept = [KeptStates(layers, part.turn_tokens.places) for part in batch.uncompressed]
        labels = torch.cat([self.model.label_states(part, one) for part, one in zip(batch.uncompressed, kept)])
        turns = [torch.cat(parts) for parts in zip(*(one.states for one in kept))]
        order = batch.uncompressed_turns
        return (
            torch.empty_like(labels).index_copy_(0, batch.uncompressed_order, labels),
            [torch.empty_like(states).index_copy_(0, order, states) for states in turns],
        )

    def loss(self, student: GmsaModel, batch: PackedBatch) -> DistilledLoss:
        config = self.config
        kept = KeptStates(self._layers(student), batch.turn_tokens.places)
        own_states = student.label_states(batch, kept)
        states, turns = self.read(batch, kept.layers)
        losses, divergence = distilled_losses(
            own_states,
            student.embed_tokens.effective_weight(),
            batch.labels,
            states,
            self.model.embed_tokens.weight,
            config.temperature,
        )
        total = (1 - config.weight) * losses.mean() + config.weight * config.temperature**2 * divergence.mean()
        unexplained = unexplained_states(kept.states, turns) if turns else None
        if unexplained is not None:
            total = total + config.states_weight * unexplained.mean()
        return DistilledLoss(total, losses, divergence, unexplained)


def unexplained_states(found: list[Tensor], expected: list[Tensor]) -> Tensor:
    """Of each token, f32 [K]: the squared distance to the expected states [K, H], in units of their variance over the
    tokens (1 minus the coefficient of determination), mean over the layers. Layers count alike, however large their
    states are, and what is the same for all tokens, as the few huge features of a residual stream, is no merit."""
    parts = []
    for own, other in zip(found, expected):
        own, other = own.float(), other.detach().float()
        variance = (other - other.mean(0)).square().sum(-1).mean()
        parts.append((own - other).square().sum(-1) / variance.clamp(min=1e-6))
    return torch.stack(parts).mean(0)
