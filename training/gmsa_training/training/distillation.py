"""A teacher that reads the whole context, for the distribution of answers (`DistillationConfig`)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from gmsa_training.config import ConfigError, DistillationConfig
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.model.checkpoint import load_packed
from gmsa_training.model.fixed_weights import with_fixed_weights
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.token_losses import distilled_losses, token_losses


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
        return cls(model, config, device, dtype)

    @property
    def window(self) -> int:
        """Positions that it can read."""
        return self.model.config.window

    @torch.no_grad()
    def label_states(self, batch: PackedBatch) -> Tensor:
        """The teacher's hidden states [P, H] at the labels of the rows that it can read, in the order of the batch's
        uncompressed rows."""
        return torch.cat([self.model.label_states(part) for part in batch.uncompressed])

    def losses(self, student: GmsaModel, batch: PackedBatch) -> tuple[Tensor, Tensor]:
        """Negative log-likelihood of every label [Q], and KL(teacher || student) at uncompressed_order [P], each f32."""
        states, weight = student.label_states(batch), student.embed_tokens.effective_weight()
        order = batch.uncompressed_order
        if order is None:
            return token_losses(states, weight, batch.labels), states.new_zeros(0, dtype=torch.float32)
        known, divergence = distilled_losses(
            states[order], weight, batch.labels[order], self.label_states(batch), self.model.embed_tokens.weight, self.config.temperature
        )
        losses = known.new_empty(len(batch.labels)).index_copy(0, order, known)
        if len(order) < len(losses):
            # Sorted, not looked for: the number is known, so nothing waits for the device.
            read = torch.zeros(len(losses), dtype=torch.int32, device=losses.device).index_fill_(0, order, 1)
            alone = read.argsort(stable=True)[: len(losses) - len(order)]
            losses = losses.index_copy(0, alone, token_losses(states[alone], weight, batch.labels[alone]))
        return losses, divergence

    def loss(self, student: GmsaModel, batch: PackedBatch) -> tuple[Tensor, Tensor, Tensor]:
        """What is minimised, and both its parts, as `losses` gives them. The loss of a label that the teacher cannot read
        is its cross-entropy."""
        losses, divergence = self.losses(student, batch)
        weight, temperature = self.config.weight, self.config.temperature
        total = losses.sum()
        if batch.uncompressed_order is not None:
            total = total - weight * losses[batch.uncompressed_order].sum() + weight * temperature**2 * divergence.sum()
        return total / len(losses), losses, divergence
