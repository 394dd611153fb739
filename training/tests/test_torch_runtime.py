from __future__ import annotations

import pytest
import torch
from export_models import tiny_model, tiny_tokenizer

from gmsa_training.config import LoraConfig
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.torch_runtime import TorchRuntime

IDS = [[5, 9, 40, 41, 42, 300, 12], [7, 8]]


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def test_fixed_weights_are_those_of_the_forward_pass_and_leave_the_model_alone(tokenizer):
    model = tiny_model(tokenizer, quantized=True, lora=LoraConfig(rank=4, alpha=8))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("lora_b"):
                parameter.normal_(std=0.1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fixed = model.with_fixed_weights()
    ids = torch.tensor([IDS[0]])
    with torch.no_grad():
        hidden, expected = fixed.encoder(fixed.embed_tokens(ids)), model.encoder(model.embed_tokens(ids))
    torch.testing.assert_close(hidden, expected, rtol=0, atol=0)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any("lora" in name for name, _ in fixed.named_parameters())


def test_soft_tokens_are_those_of_the_model_itself(tokenizer):
    model = tiny_model(tokenizer, quantized=True)
    soft = Gmsa(TorchRuntime(model, tokenizer), 4).compress(IDS, 4)
    for ids, found in zip(IDS, soft, strict=True):
        groups = torch.arange(len(ids)).unsqueeze(0) // 4
        with torch.no_grad():
            expected = model.compress(torch.tensor([ids]), groups, -(-len(ids) // 4))[0]
        torch.testing.assert_close(found, expected)


def test_bfloat16_runs_and_stays_near_float32(tokenizer):
    model = tiny_model(tokenizer, quantized=False)
    exact, rounded = (Gmsa(TorchRuntime(model, tokenizer, dtype=dtype), 4) for dtype in (torch.float32, torch.bfloat16))
    soft = [gmsa.compress(IDS, 2) for gmsa in (exact, rounded)]
    assert soft[1][0].dtype == torch.bfloat16
    for a, b in zip(*soft):
        assert (a - b.float()).norm() / a.norm() < 0.08  # 2^-8 a rounding, over two layers of wide random weights
    (generated,) = rounded.generate([rounded.question_input("What?", soft[1], max_new_tokens=4)])
    assert len(generated.token_ids) == 4


def test_positions_stay_exact_in_bfloat16(tokenizer):
    model = tiny_model(tokenizer, quantized=True).with_fixed_weights(dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert all(stack.rotary.inv_freq.dtype == torch.float32 for stack in (model.encoder, model.lsa, model.decoder))
