import itertools

import pytest
import torch
from test_batches import maker  # noqa: F401  a fixture
from test_model import sample
from tiny_run import tiny_config

from gmsa_training.data.loading import StageLoaders
from gmsa_training.data.packed_batch import FlatBatches, PackedBatch
from gmsa_training.data.packing import pack
from gmsa_training.model.fused_layer import turn_attention


def tensors(record) -> list[torch.Tensor]:
    if isinstance(record, torch.Tensor):
        return [record]
    if isinstance(record, (list, tuple)):
        return [found for item in record for found in tensors(item)]
    return [found for value in vars(record).values() for found in tensors(value)] if hasattr(record, "__dict__") else []


def assert_same(first: list[PackedBatch], second: list[PackedBatch]) -> None:
    assert [(one.objective, one.shape, one.source_tokens) for one in first] == [
        (one.objective, one.shape, one.source_tokens) for one in second
    ]
    pairs = list(zip(tensors(first), tensors(second), strict=True))
    assert len(pairs) > 20 and all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs)


def test_batches_come_back_from_one_flat_tensor_as_they_were():
    batches = [
        pack([sample(0, [37, 300], 4, turns=3), sample(1, [9], 2)], "qa", [1], taught=4096),
        pack([sample(2, [50], 8)], "autoencoding", [1]),
    ]
    flat = FlatBatches.of(batches)
    assert flat.data.dtype == torch.int32 and flat.data.dim() == 1
    assert_same(flat.to("cpu"), batches)


def test_attention_of_turns_is_that_of_the_dense_mask():
    batch = pack([sample(0, [70], 2, turns=3), sample(1, [9], 4), sample(2, [64, 40], 8, turns=2)], "qa", [1])
    mask = batch.turn_mask()
    rows, length = batch.shape
    turns = batch.turns.unsqueeze(1)
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    query = batch.turns.unsqueeze(2)
    dense = (causal & ((turns == 0) | (turns == query))).unsqueeze(1)
    assert mask.visible.shape == (rows, 1, 32, length)  # three turns of nine tokens, in eights
    module = torch.nn.Module()
    module.num_key_value_groups = 2
    seeds = enumerate((4, 2, 2))
    inputs = [torch.randn(rows, n, length, 8, generator=torch.Generator().manual_seed(i)).requires_grad_() for i, n in seeds]
    real = batch.turns >= 0
    found, expected = (turn_attention(module, *inputs, one, scaling=0.3)[0] for one in (mask, dense))
    torch.testing.assert_close(found[real], expected[real])
    assert torch.isfinite(found).all()
    weights = torch.randn(found[real].shape, generator=torch.Generator().manual_seed(9))
    pairs = zip(*(torch.autograd.grad((one[real] * weights).sum(), inputs) for one in (found, expected)))
    for a, b in pairs:
        torch.testing.assert_close(a, b)


def test_a_row_of_one_turn_needs_no_mask():
    assert pack([sample(0, [70], 2), sample(1, [9], 4)], "qa", [1]).turn_mask() is None


def stages() -> list:
    one = tiny_config("unused").stages[0]
    return [one, one]


@pytest.mark.parametrize("workers", [0, 1])
def test_stages_give_endless_steps_that_differ_by_stage_and_by_where_a_run_goes_on(maker, workers):  # noqa: F811
    loaders = StageLoaders(maker, stages(), 0, workers)
    seen = []
    for number, step in ((0, 0), (1, 0), (1, 7)):
        steps = loaders.steps(number, step)
        seen.append([batch.labels.tolist() for flat in itertools.islice(steps, 3) for batch in flat.to("cpu")])
        steps.close()
    again = StageLoaders(maker, stages(), 0, 0).steps(0, 0)
    assert [batch.labels.tolist() for flat in itertools.islice(again, 3) for batch in flat.to("cpu")] == seen[0]
    assert seen[0] != seen[1] != seen[2]


def test_workers_of_the_next_stage_start_while_a_stage_runs(maker):  # noqa: F811
    loaders = StageLoaders(maker, stages(), 0, 1)
    steps = loaders.steps(0, 0)
    next(steps)
    assert not loaders.started
    next(steps)
    assert list(loaders.started) == [1]
    steps.close()
    second = loaders.steps(1, 0)
    assert next(second) and not loaders.started
