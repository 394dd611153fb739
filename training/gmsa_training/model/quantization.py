"""The integer grids of the exported model, for use in the forward pass of training.

Linear weights: MatMulNBits int4, symmetric, blocks of 32 along the input; embedding and lm_head: 8 bits, blocks of 32
along the hidden size. Scales are rounded to f16, as they are stored. Both grids are idempotent: weights that are on
the grid give the same integers again, so an exporter that quantises the dequantised weights stores those very
integers (tests/test_quantization.py)."""

import torch
from torch import Tensor

BLOCK_SIZE = 32
_SMALLEST_SCALE = 6.0e-8  # the smallest f16 above zero


def _blocks(weight: Tensor) -> Tensor:
    if weight.shape[-1] % BLOCK_SIZE:
        raise ValueError(f"The last dimension of a quantised weight must be a multiple of {BLOCK_SIZE}, not {weight.shape[-1]}.")
    return weight.reshape(*weight.shape[:-1], -1, BLOCK_SIZE)


def _nonzero_f16(scale: Tensor) -> Tensor:
    rounded = scale.to(torch.float16).to(scale.dtype)
    return torch.where(rounded == 0, torch.full_like(rounded, _SMALLEST_SCALE).to(torch.float16).to(scale.dtype), rounded)


def quantize_int4(weight: Tensor) -> tuple[Tensor, Tensor]:
    """f32 [..., K] to integers in [-8, 7] (same dtype, [..., K/32, 32]) and scales [..., K/32, 1].

    The element of largest magnitude of each block becomes -8, so a scale may be negative, as in ORT's
    MlasQuantizeBlockwise with symmetric 4-bit quantisation.
    """
    blocks = _blocks(weight)
    largest, smallest = blocks.amax(-1, keepdim=True), blocks.amin(-1, keepdim=True)
    extreme = torch.where(largest > -smallest, largest, smallest)
    scale = _nonzero_f16(extreme / -8.0)
    return torch.clamp(torch.round(blocks / scale), -8, 7), scale


def quantize_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """f32 [..., K] to integers in [-127, 127] ([..., K/32, 32]) and positive scales [..., K/32, 1] (as GGUF's Q8_0)."""
    blocks = _blocks(weight)
    scale = _nonzero_f16(blocks.abs().amax(-1, keepdim=True) / 127.0)
    return torch.clamp(torch.round(blocks / scale), -127, 127), scale


def _straight_through(weight: Tensor, integers: Tensor, scale: Tensor) -> Tensor:
    # weight - weight.detach() is exactly zero, so the value is exactly the grid's and the gradient is the identity.
    return (integers * scale).reshape(weight.shape).detach() + (weight - weight.detach())


def to_int4_grid(weight: Tensor) -> Tensor:
    """The weight rounded to the int4 grid, with a straight-through gradient."""
    return _straight_through(weight, *quantize_int4(weight))


def to_int8_grid(weight: Tensor) -> Tensor:
    """The weight rounded to the 8-bit grid, with a straight-through gradient."""
    return _straight_through(weight, *quantize_int8(weight))
