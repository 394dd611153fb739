"""Long contexts in the PyTorch runtime."""

from __future__ import annotations

import pytest
from export_models import tiny_model, tiny_tokenizer

from gmsa_training.evaluation import torch_runtime
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.torch_runtime import TorchRuntime


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def test_a_prefill_in_parts_gives_what_one_part_gives(tokenizer, monkeypatch):
    gmsa = Gmsa(TorchRuntime(tiny_model(tokenizer, quantized=False), tokenizer), 4)
    inputs = [gmsa.question_input("What?", context_ids=list(range(3, 3 + n)), max_new_tokens=6) for n in (90, 41, 7)]
    whole = gmsa.generate(inputs)
    monkeypatch.setattr(torch_runtime, "_PREFILL_POSITIONS", 16)
    parts = gmsa.generate(inputs)
    assert [one.token_ids for one in parts] == [one.token_ids for one in whole]
    for a, b in zip(parts, whole):
        assert a.margin == pytest.approx(b.margin, abs=1e-4)


def test_32k_tokens_at_8x_are_read_with_masks_of_a_bounded_size(tokenizer, monkeypatch):
    model = tiny_model(tokenizer, quantized=False)
    model.config.window = 8192
    runtime = TorchRuntime(model, tokenizer)
    gmsa = Gmsa(runtime, 4)
    sizes = []
    forward = runtime.model.decoder.forward

    def recorded(hidden, positions, mask, cache):
        sizes.append(mask.numel())
        return forward(hidden, positions, mask, cache)

    monkeypatch.setattr(runtime.model.decoder, "forward", recorded)
    segments = [[5 + (i + j) % 300 for j in range(64)] for i in range(512)]  # 32,768 tokens
    soft = gmsa.compress(segments, 8)
    one = gmsa.question_input("What?", soft, max_new_tokens=3)
    assert sum(map(len, soft)) == 4096
    (generated,) = gmsa.generate([one])
    assert len(generated.token_ids) <= 3
    assert max(sizes) <= torch_runtime._PREFILL_POSITIONS * len(one) < len(one) ** 2 / 4
