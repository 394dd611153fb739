"""The exported graphs and the model in PyTorch, through the same interface."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from export_models import tiny_model, tiny_tokenizer

from gmsa_training.config import ConfigError
from gmsa_training.evaluation.inference import DecoderInput, Gmsa, InferenceError, batches_by_length
from gmsa_training.evaluation.onnx_runtime import OnnxRuntime, merge_padded
from gmsa_training.evaluation.torch_runtime import TorchRuntime
from gmsa_training.export import export_model
from gmsa_training.model.gmsa_model import merge_groups

TEXTS = [
    "The red house stands by the river. Anna painted the old door green in May.",
    "The baker sold 12 loaves.",
    "Monday.",
    "The old river stands by the house, the door, the cakes and the rolls; Anna sold 40 of them on a green Monday in "
    "May. The red baker painted 3 cakes.",
]


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture(scope="module", params=["fp32", "q4"])
def pair(request, tokenizer, tmp_path_factory):
    """(PyTorch, ONNX) over the same weights."""
    model = tiny_model(tokenizer, quantized=request.param == "q4")
    folder = tmp_path_factory.mktemp("model") / "tiny"
    export_model(model, tokenizer, folder, name="tiny", base_name="random")
    return TorchRuntime(model, tokenizer), OnnxRuntime(folder, request.param)


def inputs_of(gmsa: Gmsa, rate: int) -> list[DecoderInput]:
    """Questions about one and several segments, restorations, an original prompt and a closed book."""
    segments = [[segment.ids for segment in gmsa.segments(text)] for text in TEXTS]
    flat = [ids for text in segments for ids in text]
    soft = iter(gmsa.compress(flat, rate))
    by_text = [[next(soft) for _ in text] for text in segments]
    return [
        *(gmsa.question_input(f"What of {i}?", one, max_new_tokens=5 + 3 * i) for i, one in enumerate(by_text)),
        *(gmsa.restore_input(one[0], len(ids[0])) for one, ids in zip(by_text, segments)),
        gmsa.question_input("What?", context_ids=flat[0]),
        gmsa.question_input("What?"),
    ]


@pytest.mark.parametrize("rate", [2, 8])
def test_both_runtimes_give_the_same_soft_tokens_and_greedy_tokens(pair, rate):
    ours, theirs = (Gmsa(runtime, batch_size=16) for runtime in pair)
    expected, found = inputs_of(ours, rate), inputs_of(theirs, rate)
    for one, other in zip(expected, found):
        for a, b in zip(one.soft_tokens, other.soft_tokens, strict=True):
            np.testing.assert_allclose(a.numpy(), b, atol=2e-5 * float(a.abs().max()))
    for one, other in zip(ours.generate(expected), theirs.generate(found)):
        assert one.token_ids == other.token_ids
        # With a clear margin, an argmax that agrees is no accident of rounding.
        assert one.margin == pytest.approx(other.margin, abs=1e-3)


@pytest.mark.parametrize("kind", [0, 1], ids=["torch", "onnx"])
def test_a_row_of_a_padded_batch_is_continued_as_it_is_alone(pair, kind):
    together, alone = (Gmsa(pair[kind], batch_size=size) for size in (16, 1))
    batched, single = together.generate(inputs_of(together, 4)), alone.generate(inputs_of(alone, 4))
    assert [one.token_ids for one in batched] == [one.token_ids for one in single]
    assert any(len(one.token_ids) for one in batched)


def test_generation_stops_at_the_limit_and_before_an_end_token(pair):
    for runtime in pair:
        gmsa = Gmsa(runtime, batch_size=4)
        (free,) = gmsa.generate([gmsa.question_input("What?", max_new_tokens=12)])
        assert len(free.token_ids) == 12  # random weights do not stop by themselves
        (short,) = gmsa.generate([gmsa.question_input("What?", max_new_tokens=3)])
        assert short.token_ids == free.token_ids[:3]
        stop = free.token_ids[4]
        ends = runtime.config.end_ids
        runtime.config.end_ids = [stop]
        try:
            (stopped,) = gmsa.generate([gmsa.question_input("What?", max_new_tokens=12)])
        finally:
            runtime.config.end_ids = ends
        assert stopped.token_ids == free.token_ids[: free.token_ids.index(stop)]


def test_an_unknown_rate_and_a_sequence_over_the_window_are_refused(pair):
    gmsa = Gmsa(pair[1], batch_size=4)
    with pytest.raises(InferenceError, match="not trained for rate 3"):
        gmsa.compress([[5, 6]], 3)
    with pytest.raises(InferenceError, match="over the window"):
        gmsa.generate([gmsa.question_input("What?", context_ids=[5] * gmsa.config.window)])


def test_a_folder_without_the_dtype_or_that_is_no_model_is_refused(pair, tmp_path):
    with pytest.raises(ConfigError, match="not a model folder"):
        OnnxRuntime(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="no `gmsa` block"):
        OnnxRuntime(tmp_path)


def test_merging_padded_segments_is_that_of_training():
    torch.manual_seed(0)
    hidden, lengths, rate = torch.randn(3, 10, 8), [10, 7, 1], 4
    groups = torch.full((3, 10), 9)
    for row, length in enumerate(lengths):
        groups[row, :length] = row * 3 + torch.arange(length) // rate
    expected = merge_groups(hidden, groups, 9).view(3, 3, 8)
    np.testing.assert_allclose(merge_padded(hidden.numpy(), lengths, rate), expected.numpy(), atol=1e-6)


def test_batches_hold_every_index_once_within_rows_and_positions():
    lengths = [5, 100, 7, 30, 30, 1, 60]
    batches = list(batches_by_length(lengths, rows=3, positions=90))
    assert sorted(index for batch in batches for index in batch) == list(range(7))
    assert batches[0] == [1]  # longer than the limit, so alone
    assert all(len(batch) <= 3 and len(batch) * max(lengths[i] for i in batch) <= 90 for batch in batches[1:])
