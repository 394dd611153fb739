import pytest
import torch
from test_model import base, ids
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, apply_rotary_pos_emb

from gmsa_training.config import ModelConfig
from gmsa_training.model.fused_layer import FusedLayer, _Rotate
from gmsa_training.model.gmsa_model import GmsaModel


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_rotation_and_its_gradient_are_those_of_transformers(dtype):
    x, cos, sin = (torch.randn(2, n, 7, 16, generator=torch.Generator().manual_seed(n), dtype=torch.float64).to(dtype) for n in (5, 1, 2))
    sin = sin[:, :1]
    gradient = torch.randn(x.shape).to(dtype)
    found, expected = x.clone().requires_grad_(), x.clone().requires_grad_()
    a, (b, _) = _Rotate.apply(found, cos, sin), apply_rotary_pos_emb(expected, expected, cos.squeeze(1), sin.squeeze(1))
    torch.testing.assert_close(a, b, rtol=0, atol=0)
    a.backward(gradient)
    b.backward(gradient)
    torch.testing.assert_close(found.grad, expected.grad, **({} if dtype == torch.float32 else {"rtol": 0.02, "atol": 0.02}))


def test_gradients_of_the_whole_decoder_are_those_of_the_base_model():
    one = base()
    tokens = torch.tensor([ids(4, 30), ids(5, 30)])
    model = GmsaModel(one, one.config, ModelConfig(encoder_layers=1))
    assert all(type(layer) is FusedLayer for layer in model.decoder.layers)
    model.logits(model.decoder(model.embed_tokens(tokens))).logsumexp(-1).mean().backward()
    other = base()
    assert type(other.model.layers[0]) is LlamaDecoderLayer
    other(tokens).logits.logsumexp(-1).mean().backward()
    expected = dict(other.model.layers.named_parameters())
    for name, parameter in model.decoder.layers.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, atol=1e-6, rtol=1e-4)
