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
from gmsa_training.model.token_losses import distilled_losses


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

    @torch.no_grad()
    def label_states(self, batch: PackedBatch) -> Tensor:
        """The teacher's hidden states [Q, H] at the batch's labels, in their order."""
        assert batch.uncompressed_order is not None
        states = torch.cat([self.model.label_states(part) for part in batch.uncompressed])
        return torch.empty_like(states).index_copy_(0, batch.uncompressed_order, states)

    def losses(self, student: GmsaModel, batch: PackedBatch) -> tuple[Tensor, Tensor]:
        """Negative log-likelihood of every label, and KL(teacher || student) there, each f32 [Q]."""
        return distilled_losses(
            student.label_states(batch),
            student.embed_tokens.effective_weight(),
            batch.labels,
            self.label_states(batch),
            self.model.embed_tokens.weight,
            self.config.temperature,
        )

    def loss(self, student: GmsaModel, batch: PackedBatch) -> tuple[Tensor, Tensor, Tensor]:
        """What is minimised, and both its parts (f32 [Q])."""
        losses, divergence = self.losses(student, batch)
        weight, temperature = self.config.weight, self.config.temperature
        return (1 - weight) * losses.mean() + weight * temperature**2 * divergence.mean(), losses, divergence
