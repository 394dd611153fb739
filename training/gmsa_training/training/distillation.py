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
from gmsa_training.model.merging import merge_groups
from gmsa_training.model.token_losses import distilled_losses


@dataclass
class TeacherStates:
    """labels [Q, H]: the hidden states that predict the labels. After each layer: turns [K, H] at the tokens of the
    turns, contexts [N, H] the means over the context tokens that each soft token stands for."""

    labels: Tensor
    turns: list[Tensor]
    contexts: list[Tensor]


@dataclass
class DistilledLoss:
    """What is minimised, and its parts: the negative log-likelihood of every label and KL(teacher || student) there,
    each f32 [Q]; where states are compared, what is unexplained of them at the turn tokens and at the soft tokens, f32."""

    total: Tensor
    losses: Tensor
    divergence: Tensor
    states: Tensor | None = None
    context: Tensor | None = None


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
        if (config.states_weight or config.context_weight) and len(model.decoder.layers) != len(student.decoder.layers):
            raise ConfigError(f"The teacher {config.teacher} has another number of layers; set states_weight and context_weight to 0.")
        return cls(model, config, device, dtype)

    def _layers(self, student: GmsaModel) -> list[int]:
        """The layers whose states are compared: the last one, and every so-manieth before it."""
        if not (self.config.states_weight or self.config.context_weight):
            return []
        return list(range(len(student.decoder.layers) - 1, -1, -self.config.states_every))[::-1]

    @torch.no_grad()
    def read(self, batch: PackedBatch, layers: Collection[int] = ()) -> TeacherStates:
        """Reads the batch with the context's own tokens; layers: those whose states are wanted."""
        assert batch.uncompressed_order is not None and batch.uncompressed_turns is not None
        places = [torch.cat([part.turn_tokens.places, part.context_tokens.places]) for part in batch.uncompressed]
        kept = [KeptStates(layers, one) for one in places]
        labels = torch.cat([self.model.label_states(part, one) for part, one in zip(batch.uncompressed, kept)])
        counts = [len(part.turn_tokens.places) for part in batch.uncompressed]
        turns, contexts = [], []
        for parts in zip(*(one.states for one in kept)):
            own = torch.cat([states[:count] for states, count in zip(parts, counts)])
            turns.append(torch.empty_like(own).index_copy_(0, batch.uncompressed_turns, own))
            if self.config.context_weight:
                read = torch.cat([states[count:] for states, count in zip(parts, counts)])
                contexts.append(merge_groups(read, batch.uncompressed_groups, len(batch.context_tokens.places)))
        return TeacherStates(torch.empty_like(labels).index_copy_(0, batch.uncompressed_order, labels), turns, contexts)

    def loss(self, student: GmsaModel, batch: PackedBatch) -> DistilledLoss:
        config = self.config
        kept = KeptStates(self._layers(student), torch.cat([batch.turn_tokens.places, batch.context_tokens.places]))
        own_states = student.label_states(batch, kept)
        read = self.read(batch, kept.layers)
        losses, divergence = distilled_losses(
            own_states,
            student.embed_tokens.effective_weight(),
            batch.labels,
            read.labels,
            self.model.embed_tokens.weight,
            config.temperature,
        )
        found = DistilledLoss(losses.new_zeros(()), losses, divergence)
        found.total = (1 - config.weight) * losses.mean() + config.weight * config.temperature**2 * divergence.mean()
        count = len(batch.turn_tokens.places)
        if config.states_weight:
            found.states = unexplained_states([states[:count] for states in kept.states], read.turns)
            found.total = found.total + config.states_weight * found.states.mean()
        if config.context_weight:
            found.context = unexplained_states([states[count:] for states in kept.states], read.contexts)
            found.total = found.total + config.context_weight * found.context.mean()
        return found


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
