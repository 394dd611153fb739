"""Attention of rows with several turns that are blind to each other, without a mask of the whole row: causal, for which
there are kernels without any mask, and once more, with one, for the few positions of the turns."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from gmsa_training.data.packed_batch import TurnMask

NAME = "gmsa_turns"


def turn_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | TurnMask | None, **options: Any
) -> tuple[Tensor, None]:
    """query [B, heads, L, D], key and value [B, KV heads, L, D] to [B, L, heads, D]."""
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


AttentionInterface.register(NAME, turn_attention)
