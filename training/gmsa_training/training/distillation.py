"""A teacher that reads the whole context (`DistillationConfig`)."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gmsa_training.config import ConfigError, DistillationConfig
from gmsa_training.data.batches import Taught
from gmsa_training.data.packed_batch import PackedBatch, Uncompressed
from gmsa_training.model.checkpoint import load_packed
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.layers import KeptStates
from gmsa_training.model.token_losses import distilled_losses, token_losses


@dataclass
class DistilledLoss:
    """What is minimised, and its parts: the negative log-likelihood of every label, f32 [Q]; of the rows that the teacher
    can read KL(teacher || student) at every label, f32 [P], and, where states are compared, the unexplained part of them
    at the turn tokens, f32 [K]."""

    total: Tensor
    losses: Tensor
    divergence: Tensor
    states: Tensor | None = None


class Teacher:
    """The fine-tuned original prompt, frozen and on its grids."""

    def __init__(self, model: GmsaModel, config: DistillationConfig, device: torch.device | str, dtype: torch.dtype) -> None:
        if model.config.method != "full":
            raise ConfigError(f"The teacher {config.teacher} has method {model.config.method!r}; it must be 'full'.")
        self.config = config
        self.model = model.with_fixed_weights(device, dtype)

    @classmethod
    def load(cls, config: DistillationConfig, student: GmsaModel, device: torch.device | str, dtype: torch.dtype) -> "Teacher":
        """Raises ConfigError if teacher and student do not read and write the same text."""
        if not (Path(config.teacher) / "config.json").is_file():
            raise ConfigError(f"There is no teacher in {config.teacher}; train configs/full-prompt.yaml first, or set distillation.teacher.")
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

    def reads(self) -> Taught:
        return Taught(frozenset(self.config.objectives), self.model.config.window, self.config.share)

    def _layers(self, student: GmsaModel) -> list[int]:
        """The layers whose states are compared: the last one, and every so-manieth before it."""
        if not self.config.states_weight:
            return []
        return list(range(len(student.decoder.layers) - 1, -1, -self.config.states_every))[::-1]

    @torch.no_grad()
    def read(self, rows: Uncompressed, layers: Collection[int] = ()) -> tuple[Tensor, list[Tensor]]:
        """Reads the rows with the context's own tokens. Gives the hidden states that predict the labels, [P, H], and after
        each of the layers those at the tokens of the turns, [K, H]; numbers as of `Uncompressed`."""
        kept = [KeptStates(layers, part.turn_tokens.places) for part in rows.batches]
        labels = torch.cat([self.model.label_states(part, one) for part, one in zip(rows.batches, kept)])
        return labels, [torch.cat(parts) for parts in zip(*(one.states for one in kept))]

    def loss(self, student: GmsaModel, batch: PackedBatch) -> DistilledLoss:
        """The loss of a label that the teacher cannot read is its cross-entropy."""
        config, rows, weight = self.config, batch.uncompressed, student.embed_tokens.effective_weight()
        assert rows is not None  # a batch without is learnt as if there were no teacher
        kept = KeptStates(self._layers(student), batch.turn_tokens.places[rows.turn_tokens])
        states = student.label_states(batch, kept)
        taught_labels, taught_states = self.read(rows, kept.layers)
        known, divergence = distilled_losses(
            states[rows.labels], weight, batch.labels[rows.labels], taught_labels, self.model.embed_tokens.weight
        )
        losses = known.new_empty(len(batch.labels)).index_copy(0, rows.labels, known)
        if len(known) < len(losses):
            # Sorted, not looked for: the number is known, so nothing waits for the device.
            readable = torch.zeros(len(losses), dtype=torch.int32, device=losses.device).index_fill_(0, rows.labels, 1)
            alone = readable.argsort(stable=True)[: len(losses) - len(known)]
            losses = losses.index_copy(0, alone, token_losses(states[alone], weight, batch.labels[alone]))
        total = losses.sum() - config.weight * known.sum() + config.weight * divergence.sum()
        found = DistilledLoss(total / len(losses), losses, divergence)
        if config.states_weight:
            found.states = unexplained_states(kept.states, taught_states)
            found.total = found.total + config.states_weight * found.states.mean()
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
