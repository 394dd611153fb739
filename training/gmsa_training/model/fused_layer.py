"""Llama layers with fewer and cheaper kernels: one product for queries, keys and values, a rotation with a backward pass
of its own, PyTorch's fused norm, and attention of rows with several turns that are blind to each other.

B batch, L positions, H hidden size, D head size."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface, Cache
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from gmsa_training.data.packed_batch import TurnMask

ATTENTION = "gmsa_turns"


def turn_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | TurnMask | None, **options: Any
) -> tuple[Tensor, None]:
    """query [B, heads, L, D], key and value [B, KV heads, L, D] to [B, L, heads, D].

    Turns are attended to without a mask of the whole row: causally, for which there are kernels without any mask, and
    once more, with one, for the few positions of the turns."""
    if not isinstance(attention_mask, TurnMask):
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    scale, groups = options.get("scaling"), query.shape[1] // key.shape[1]
    causal = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale, enable_gqa=groups > 1)
    places = attention_mask.places[:, None, :, None].expand(-1, query.shape[1], -1, query.shape[3])
    # Kernels that take a mask know no grouped queries.
    turns = F.scaled_dot_product_attention(
        query.gather(2, places), repeat_kv(key, groups), repeat_kv(value, groups), attn_mask=attention_mask.visible, scale=scale
    )
    return causal.scatter(2, places, turns).transpose(1, 2), None


AttentionInterface.register(ATTENTION, turn_attention)


def _turned(x: Tensor, sign: int) -> Tensor:
    """[x1, x2] to [-x2, x1] for sign 1, and to [x2, -x1], which is the transpose of it, for -1."""
    first, second = x.chunk(2, dim=-1)
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


def can_be_fused(layer: nn.Module) -> bool:
    return type(layer) is LlamaDecoderLayer and layer.mlp.config.hidden_act == "silu"


class FusedLayer(LlamaDecoderLayer):
    """Takes the place of a LlamaDecoderLayer (`module.__class__ = FusedLayer`). Weights keep their names and layout."""

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Any = None,
        past_key_values: Cache | None = None,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        **_: Any,
    ) -> Tensor:
        assert position_embeddings is not None
        cos, sin = (part.unsqueeze(1) for part in position_embeddings)  # [B or 1, 1, L, D]
        attention, mlp = self.self_attn, self.mlp
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        weight = torch.cat([part.effective_weight() for part in parts])
        bias = None if attention.q_proj.bias is None else torch.cat([part.bias for part in parts])
        heads = F.linear(self.input_layernorm(hidden_states), weight, bias)
        heads = heads.unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
        queries, keys, values = (part.out_features // attention.head_dim for part in parts)
        turning, value = heads.split([queries + keys, values], dim=1)
        query, key = _Rotate.apply(turning, cos, sin).split([queries, keys], dim=1)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, attention.layer_idx)
        found, _ = turn_attention(attention, query, key, value, attention_mask, scaling=attention.scaling)
        hidden_states = hidden_states + attention.o_proj(found.flatten(2))
        normed = self.post_attention_layernorm(hidden_states)
        return hidden_states + mlp.down_proj(F.silu(mlp.gate_proj(normed)) * mlp.up_proj(normed))
