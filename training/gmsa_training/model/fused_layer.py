"""Llama layers with fewer and cheaper kernels: one product for queries, keys and values, a rotation with a backward pass
of its own, and PyTorch's fused norm.

B batch, L positions, H hidden size, D head size."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import Cache
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

from gmsa_training.model.attention import turn_attention

Linear = tuple[Tensor, Tensor | None]  # weight and bias


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


def attention_inputs(
    x: Tensor, norm: Tensor, epsilon: float, projection: Linear, cos: Tensor, sin: Tensor, value_heads: int
) -> tuple[Tensor, Tensor]:
    """x [B, L, H], cos and sin [B or 1, L, D] to rotated queries and keys [B, heads + value_heads, L, D] and values
    [B, value_heads, L, D]. projection: queries, keys and values in one product."""
    weight, bias = projection
    heads = F.linear(F.rms_norm(x, norm.shape, norm, epsilon), weight, bias).unflatten(-1, (-1, cos.shape[-1])).transpose(1, 2)
    turning, value = heads.split([heads.shape[1] - value_heads, value_heads], dim=1)
    return _Rotate.apply(turning, cos.unsqueeze(1), sin.unsqueeze(1)), value


def after_attention(
    x: Tensor, found: Tensor, output: Linear, norm: Tensor, epsilon: float, gate: Linear, up: Linear, down: Linear
) -> Tensor:
    """The layer's output [B, L, H], of its input x and of what attention found [B, L, heads * D]."""
    x = x + F.linear(found, *output)
    normed = F.rms_norm(x, norm.shape, norm, epsilon)
    return x + F.linear(F.silu(F.linear(normed, *gate)) * F.linear(normed, *up), *down)


def _linear(module: Any) -> Linear:
    return module.effective_weight(), module.bias


def can_be_fused(layer: torch.nn.Module) -> bool:
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
        attention, norm = self.self_attn, self.input_layernorm
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        weight = torch.cat([part.effective_weight() for part in parts])
        bias = None if attention.q_proj.bias is None else torch.cat([part.bias for part in parts])
        value_heads = attention.v_proj.out_features // attention.head_dim
        turned, value = attention_inputs(
            hidden_states, norm.weight, norm.eps, (weight, bias), *position_embeddings, value_heads
        )
        query, key = turned.split([turned.shape[1] - value_heads, value_heads], dim=1)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, attention.layer_idx)
        found, _ = turn_attention(attention, query, key, value, attention_mask, scaling=attention.scaling)
        norm, mlp = self.post_attention_layernorm, self.mlp
        projections = (_linear(part) for part in (mlp.gate_proj, mlp.up_proj, mlp.down_proj))
        return after_attention(
            hidden_states, found.flatten(2), _linear(attention.o_proj), norm.weight, norm.eps, *projections
        )
