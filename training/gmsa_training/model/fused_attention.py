"""Self-attention of Llama models with few kernels: one product for queries, keys and values, and one rotation whose
backward pass is another. Weights keep their names and layout."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Cache
from transformers.models.llama.modeling_llama import LlamaAttention

from gmsa_training.model.attention import turn_attention


def _turned(x: Tensor, sign: int) -> Tensor:
    """[x1, x2] to [-x2, x1] for sign 1, and to [x2, -x1], which is the transpose of it, for -1."""
    half = x.shape[-1] // 2
    first, second = x[..., :half], x[..., half:]
    return torch.cat([-second, first] if sign > 0 else [second, -first], dim=-1)


class _Rotate(torch.autograd.Function):
    """x * cos + turned(x) * sin; autograd's own backward pass of the slices would fill and add whole tensors."""

    @staticmethod
    def forward(context: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        context.save_for_backward(cos, sin)
        return x * cos + _turned(x, 1) * sin

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = context.saved_tensors
        return gradient * cos + _turned(gradient * sin, -1), None, None


class FusedAttention(LlamaAttention):
    """Takes the place of a LlamaAttention (`module.__class__ = FusedAttention`)."""

    def forward(
        self,
        hidden_states: Tensor,
        position_embeddings: tuple[Tensor, Tensor],
        attention_mask: Any = None,
        past_key_values: Cache | None = None,
        **options: Any,
    ) -> tuple[Tensor, None]:
        parts = (self.q_proj, self.k_proj, self.v_proj)
        weight = torch.cat([part.effective_weight() for part in parts])
        bias = None if self.q_proj.bias is None else torch.cat([part.bias for part in parts])
        heads = F.linear(hidden_states, weight, bias).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
        queries = self.q_proj.out_features // self.head_dim
        keys = self.k_proj.out_features // self.head_dim
        turning, value = heads.split([queries + keys, keys], dim=1)
        cos, sin = (table.unsqueeze(1) for table in position_embeddings)
        query, key = _Rotate.apply(turning, cos, sin).split([queries, keys], dim=1)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        found, _ = turn_attention(self, query, key, value, attention_mask, scaling=self.scaling)
        return self.o_proj(found.flatten(2)), None
