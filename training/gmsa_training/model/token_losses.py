"""Losses over the whole vocabulary, a chunk of labels at a time: logits of 25k labels and 49k tokens are 5 GB in f32.
The backward pass computes the logits of a chunk again."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

CHUNK = 4096  # labels


def _in_chunks(one: Callable[..., Tensor], chunk: int, *rows: Tensor) -> Tensor:
    """one(*rows) for a chunk of rows at a time; of one chunk the logits may be kept."""
    if rows[0].shape[0] <= chunk:
        return one(*rows)
    pieces = zip(*(tensor.split(chunk) for tensor in rows))
    if not torch.is_grad_enabled():
        return torch.cat([one(*piece) for piece in pieces])
    return torch.cat([checkpoint(one, *piece, use_reentrant=False, preserve_rng_state=False) for piece in pieces])


def token_losses(hidden_states: Tensor, weight: Tensor, labels: Tensor, chunk: int = CHUNK) -> Tensor:
    """Negative log-likelihood of each label, f32 [Q], of hidden states [Q, H] and an lm_head's weight [V, H]."""

    def one(hidden: Tensor, wanted: Tensor) -> Tensor:
        return F.cross_entropy(F.linear(hidden, weight).float(), wanted, reduction="none")

    return _in_chunks(one, chunk, hidden_states, labels)


def distilled_losses(
    hidden_states: Tensor,
    weight: Tensor,
    labels: Tensor,
    teacher_states: Tensor,
    teacher_weight: Tensor,
    chunk: int = CHUNK // 2,
) -> tuple[Tensor, Tensor]:
    """Negative log-likelihood of each label, and KL(teacher || student) there, each f32 [Q]."""

    def one(hidden: Tensor, wanted: Tensor, taught: Tensor) -> Tensor:
        logits = F.linear(hidden, weight).float()
        expected = F.linear(taught, teacher_weight).float().log_softmax(-1)
        found = logits.log_softmax(-1)
        divergence = F.kl_div(found, expected, reduction="none", log_target=True).sum(-1)
        return torch.stack([F.cross_entropy(logits, wanted, reduction="none"), divergence], dim=-1)

    both = _in_chunks(one, chunk, hidden_states, labels, teacher_states.detach())
    return both[:, 0], both[:, 1]
