import torch

from gmsa_training.model.gmsa_model import merge_groups


def test_a_ragged_last_group_is_averaged_over_its_own_tokens():
    # The example of the paper's code: 10 tokens at rate 4 make groups of 4, 4 and 2.
    hidden = torch.arange(20.0).view(1, 10, 2)
    merged = merge_groups(hidden, torch.arange(10).view(1, 10) // 4, 3)
    expected = torch.stack([hidden[0, 0:4].mean(0), hidden[0, 4:8].mean(0), hidden[0, 8:10].mean(0)])
    assert torch.equal(merged, expected)


def test_padding_is_left_out_and_an_empty_group_is_zero():
    hidden = torch.full((1, 4, 3), 5.0)
    hidden[0, 2:] = float("inf")
    merged = merge_groups(hidden, torch.tensor([[0, 0, 2, 2]]), 2)
    assert torch.equal(merged[0], torch.full((3,), 5.0))
    assert torch.equal(merged[1], torch.zeros(3))


def test_segments_of_a_batch_stay_apart():
    hidden = torch.randn(2, 4, 8)
    merged = merge_groups(hidden, torch.tensor([[0, 0, 1, 1], [2, 2, 3, 4]]), 4)
    assert torch.allclose(merged[1], hidden[0, 2:].mean(0))
    assert torch.allclose(merged[2], hidden[1, :2].mean(0))
    assert torch.allclose(merged[3], hidden[1, 2])


def test_sums_are_in_f32():
    hidden = torch.full((1, 4096, 1), 1.0, dtype=torch.bfloat16)
    assert merge_groups(hidden, torch.zeros(1, 4096, dtype=torch.int64), 1).item() == 1.0


def test_every_token_of_a_group_gets_its_share_of_the_gradient():
    hidden = torch.randn(1, 5, 2, requires_grad=True)
    merge_groups(hidden, torch.tensor([[0, 0, 0, 1, 2]]), 2).sum().backward()
    assert torch.allclose(hidden.grad[0, :, 0], torch.tensor([1 / 3, 1 / 3, 1 / 3, 1.0, 0.0]))
