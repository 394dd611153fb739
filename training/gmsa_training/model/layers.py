"""Layers of the base model as they are trained: linear weights and embedding on their grids, in stacks.

B batch, L positions, H hidden size."""

import copy
from collections.abc import Collection
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Cache

from gmsa_training.config import LoraConfig
from gmsa_training.data.packed_batch import TurnMask
from gmsa_training.model.fused_layer import ATTENTION, FusedLayer, can_be_fused
from gmsa_training.model.quantization import to_int4_grid, to_int8_grid


class GridLinear(nn.Linear):
    """A linear layer whose weight passes the int4 grid, after an optional low-rank update."""

    quantize = False
    lora_scale = 0.0

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.register_parameter("lora_a", None)
        self.register_parameter("lora_b", None)

    def add_lora(self, config: LoraConfig) -> None:
        self.lora_a = nn.Parameter(torch.empty(config.rank, self.in_features))
        self.lora_b = nn.Parameter(torch.zeros(self.out_features, config.rank))
        nn.init.kaiming_uniform_(self.lora_a, a=5**0.5)
        self.lora_scale = config.alpha / config.rank

    def effective_weight(self) -> Tensor:
        """The weight that the forward pass uses, f32 [out, in]: what an export must store."""
        weight = self.weight
        if self.lora_a is not None:
            weight = weight + self.lora_scale * (self.lora_b @ self.lora_a)
        return to_int4_grid(weight) if self.quantize else weight

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.effective_weight(), self.bias)


class GridEmbedding(nn.Embedding):
    """The token embedding, shared with the lm_head; its table passes the 8-bit grid."""

    quantize = False

    def effective_weight(self) -> Tensor:
        return to_int8_grid(self.weight) if self.quantize else self.weight

    def forward(self, ids: Tensor) -> Tensor:
        # Rows are quantised independently of each other, so only those that are looked up need it.
        rows = F.embedding(ids, self.weight)
        return to_int8_grid(rows) if self.quantize else rows


def with_own_layers(module: nn.Module) -> nn.Module:
    """Replaces linear layers by GridLinear, RMSNorms by PyTorch's, which is one fused kernel, and Llama's layers."""
    for name, child in module.named_children():
        if can_be_fused(child):
            child.__class__ = FusedLayer
        if type(child).__name__.endswith("RMSNorm") and not isinstance(child, nn.RMSNorm):
            norm = nn.RMSNorm(child.weight.shape, eps=child.variance_epsilon, dtype=child.weight.dtype)
            norm.load_state_dict(child.state_dict())
            setattr(module, name, norm)
            continue
        if isinstance(child, nn.Linear) and not isinstance(child, GridLinear):
            linear = GridLinear(child.in_features, child.out_features, child.bias is not None, dtype=child.weight.dtype)
            linear.load_state_dict(child.state_dict())
            setattr(module, name, linear)
        else:
            with_own_layers(child)
    return module


class KeptStates:
    """Hidden states after some of the layers, at some places, collected in a forward pass."""

    def __init__(self, layers: Collection[int], places: Tensor) -> None:
        """layers: numbers from 0. places int64 [K] in the B * L positions."""
        self.layers, self.places = layers, places
        self.states: list[Tensor] = []  # [K, H] of each layer, in order

    def take(self, layer: int, hidden_states: Tensor) -> None:
        if layer in self.layers:
            self.states.append(hidden_states.flatten(0, 1)[self.places])


class LayerStack(nn.Module):
    """Decoder layers of the base model and a final RMSNorm: encoder, LSA or decoder."""

    def __init__(self, layers: nn.ModuleList, norm: nn.Module, rotary: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.norm = norm
        self.rotary = rotary
        for layer in layers:
            layer.self_attn.config = copy.deepcopy(layer.self_attn.config)
            layer.self_attn.config._attn_implementation = ATTENTION

    def forward(
        self,
        hidden_states: Tensor,
        position_ids: Tensor | None = None,
        attention_mask: Tensor | TurnMask | None = None,
        cache: Cache | None = None,
        kept: KeptStates | None = None,
    ) -> Tensor:
        """[B, L, H] to [B, L, H]. Without a mask attention is causal, which suffices for right padding: a real token
        never sees the padding behind it. attention_mask: bool [B, 1, L, keys], true where a key is seen; or turns."""
        if position_ids is None:
            position_ids = torch.arange(hidden_states.shape[1], device=hidden_states.device).unsqueeze(0)
        position_embeddings = self.rotary(hidden_states, position_ids)
        for number, layer in enumerate(self.layers):
            hidden_states = layer(
                hidden_states,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_values=cache,
                use_cache=cache is not None,
                position_embeddings=position_embeddings,
            )
            if kept is not None:
                kept.take(number, hidden_states)
        return self.norm(hidden_states)
