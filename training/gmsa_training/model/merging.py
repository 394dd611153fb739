"""Group merging: the mean of each group of r hidden states (paper section 3.2)."""

import torch
from torch import Tensor


def merge_groups(hidden_states: Tensor, groups: Tensor, group_count: int) -> Tensor:
    """Averages hidden states by group.

    hidden_states [S, T, H]; groups int64 [S, T], the group of each token in 0..group_count-1, or group_count for a
    padding token. Gives [group_count, H]. A ragged last group is averaged over its own tokens, because only these
    carry its number; an empty group is zero. Sums are in f32.
    """
    flat, index = hidden_states.reshape(-1, hidden_states.shape[-1]).float(), groups.reshape(-1)
    sums = flat.new_zeros(group_count + 1, flat.shape[-1]).index_add(0, index, flat)
    counts = flat.new_zeros(group_count + 1).index_add(0, index, torch.ones_like(index, dtype=flat.dtype))
    return (sums / counts.clamp(min=1).unsqueeze(-1))[:group_count]
