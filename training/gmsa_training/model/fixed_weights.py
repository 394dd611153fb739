"""Weights as the forward pass uses them, computed once."""

import copy

import torch

from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.layers import GridEmbedding, GridLinear


def with_fixed_weights(
    model: GmsaModel, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32
) -> GmsaModel:
    """A copy whose weights are what the forward pass of `model` uses now, on their grids and with low-rank updates
    merged, so that they are not computed anew at every step."""
    fixed = copy.deepcopy(model).eval().requires_grad_(False)
    for module in fixed.modules():
        if isinstance(module, (GridLinear, GridEmbedding)):
            module.weight.copy_(module.effective_weight())
            module.quantize = False
            if isinstance(module, GridLinear):
                module.lora_a = module.lora_b = None
    # Weights alone: rotary frequencies in bf16 would turn distant positions by whole radians.
    for parameter in fixed.parameters():
        parameter.data = parameter.data.to(dtype)
    return fixed.to(device)
