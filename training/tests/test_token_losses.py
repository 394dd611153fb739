import pytest
import torch
import torch.nn.functional as F

from gmsa_training.model.token_losses import distilled_losses, token_losses


def states(seed: int, rows: int = 50, width: int = 16) -> torch.Tensor:
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed))


WEIGHT, LABELS = states(9, 70), torch.arange(50) % 70


def gradients(loss, *inputs):
    return torch.autograd.grad(loss, inputs)


@pytest.mark.parametrize("chunk", [7, 50, 1000])
def test_chunks_change_neither_losses_nor_gradients(chunk):
    hidden, weight = states(0).requires_grad_(), WEIGHT.clone().requires_grad_()
    expected = F.cross_entropy(hidden @ weight.T, LABELS, reduction="none")
    found = token_losses(hidden, weight, LABELS, chunk)
    torch.testing.assert_close(found, expected)
    for a, b in zip(gradients(found.mean(), hidden, weight), gradients(expected.mean(), hidden, weight)):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("chunk", [7, 1000])
def test_the_divergence_is_that_of_the_whole_distributions(chunk):
    hidden, teacher, head = states(0).requires_grad_(), states(1), states(2, 70)
    losses, divergence = distilled_losses(hidden, WEIGHT, LABELS, teacher, head, chunk)
    expected = torch.softmax(teacher @ head.T, -1)
    log_ratio = expected.log() - torch.log_softmax(hidden @ WEIGHT.T, -1)
    torch.testing.assert_close(divergence, (expected * log_ratio).sum(-1))
    torch.testing.assert_close(losses, F.cross_entropy(hidden @ WEIGHT.T, LABELS, reduction="none"))
    (gradient,) = gradients(divergence.sum(), hidden)
    student = torch.softmax(hidden @ WEIGHT.T, -1)
    torch.testing.assert_close(gradient, (student - expected) @ WEIGHT, atol=1e-5, rtol=1e-4)


def test_the_logits_of_several_chunks_are_not_kept_for_the_backward_pass():
    kept = []
    hidden = states(0).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda tensor: tensor):
        token_losses(hidden, WEIGHT, LABELS, 7).mean().backward()
    assert max(kept) < LABELS.numel() * WEIGHT.shape[0]
    assert sum(n for n in kept if n == 7 * WEIGHT.shape[0]) == 0
