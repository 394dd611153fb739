import pytest
import torch

from gmsa_training.model.checkpoint import pack_int4, unpack_int4
from gmsa_training.model.quantization import quantize_int4, quantize_int8, to_int4_grid, to_int8_grid


def weights(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.1


def test_the_largest_magnitude_of_a_block_becomes_minus_eight():
    weight = weights(0, 16, 64)
    integers, scale = quantize_int4(weight)
    blocks = weight.view(16, 2, 32)
    extreme = blocks.abs().argmax(-1, keepdim=True)
    assert torch.equal(integers.gather(-1, extreme), torch.full_like(scale, -8))
    assert integers.min() >= -8 and integers.max() <= 7
    assert torch.equal(integers, integers.round())


def test_int4_errors_are_at_most_one_step_and_half_a_step_off_the_clamped_end():
    weight = weights(1, 8, 320)
    integers, scale = quantize_int4(weight)
    error = (integers * scale - weight.view(8, 10, 32)).abs() / scale.abs()
    clamped = integers == 7
    assert error[~clamped].max() <= 0.51
    assert error.max() <= 1.01


@pytest.mark.parametrize("grid", [to_int4_grid, to_int8_grid])
def test_a_grid_is_idempotent(grid):
    once = grid(weights(2, 32, 128))
    assert torch.equal(grid(once), once)


@pytest.mark.parametrize("quantize", [quantize_int4, quantize_int8])
def test_weights_on_the_grid_give_the_same_integers_and_scales_again(quantize):
    integers, scale = quantize(weights(3, 32, 128))
    again, same_scale = quantize((integers * scale).flatten(-2))
    assert torch.equal(again, integers) and torch.equal(same_scale, scale)


@pytest.mark.parametrize("quantize", [quantize_int4, quantize_int8])
def test_scales_are_what_f16_can_hold(quantize):
    scale = quantize(weights(4, 8, 64))[1]
    assert torch.equal(scale, scale.half().float())


@pytest.mark.parametrize("grid", [to_int4_grid, to_int8_grid])
def test_a_block_of_zeros_stays_zero(grid):
    assert torch.equal(grid(torch.zeros(2, 32)), torch.zeros(2, 32))


@pytest.mark.parametrize("grid", [to_int4_grid, to_int8_grid])
def test_gradients_pass_straight_through(grid):
    weight = weights(5, 4, 32).requires_grad_()
    factor = weights(6, 4, 32)
    (grid(weight) * factor).sum().backward()
    assert torch.equal(weight.grad, factor)


def test_q8_0_values_are_on_the_8_bit_grid():
    # As GGUF stores them: int8 in [-127, 127] with the extreme present, times an f16 scale.
    integers = torch.randint(-127, 128, (10, 32), generator=torch.Generator().manual_seed(7)).float()
    integers[:, 0] = 127
    scale = (torch.rand(10, 1) * 0.01 + 0.001).half().float()
    found, found_scale = quantize_int8(integers * scale)
    assert torch.equal(found.flatten(-2), integers) and torch.equal(found_scale.flatten(), scale.flatten())


def test_a_width_that_blocks_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="multiple of 32"):
        quantize_int4(torch.zeros(2, 33))


def test_int4_packing_puts_the_first_integer_in_the_low_half():
    assert pack_int4(torch.tensor([-8.0, 7.0, 0.0, -1.0])).tolist() == [0xF0, 0x78]
    integers = torch.randint(-8, 8, (6, 64)).float()
    assert torch.equal(unpack_int4(pack_int4(integers)), integers)
