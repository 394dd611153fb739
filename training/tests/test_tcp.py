import pytest
import torch
from export_models import tiny_model, tiny_tokenizer
from test_model import base, ids, sample

from gmsa_training.config import ModelConfig
from gmsa_training.data.packing import Sample, pack
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.torch_runtime import TorchRuntime
from gmsa_training.export import ExportError, export_model
from gmsa_training.model.checkpoint import apply_packed_state, packed_state
from gmsa_training.model.gmsa_model import GmsaModel


def build(**options) -> GmsaModel:
    one = base()
    options = {"method": "tcp", "encoder_layers": 2, "segment_length": 64, "rates": [2, 4], "default_rate": 2} | options
    return GmsaModel(one, one.config, ModelConfig(**options))


@torch.no_grad()
def by_hand(model: GmsaModel, segment: list[int], rate: int) -> torch.Tensor:
    """Slots behind the segment's tokens, positions going on; the MLP on their last hidden states."""
    count = -(-len(segment) // rate)
    inputs = torch.cat([model.embed_tokens(torch.tensor(segment)), model.tcp.slots.weight[:count]]).unsqueeze(0)
    hidden = model.encoder(inputs)[0, -count:]
    return torch.nn.functional.linear(
        torch.nn.functional.gelu(hidden @ model.tcp.inner.weight.T + model.tcp.inner.bias), model.tcp.outer.weight, model.tcp.outer.bias
    )


def test_soft_tokens_are_the_heads_output_at_the_slots_whatever_a_segment_is_padded_with():
    model = build()
    segments = [ids(0, 37), ids(1, 64), ids(2, 3)]
    (chunk,) = pack([Sample([one], 4, [([5], [6])]) for one in segments], "qa", [1]).chunks
    with torch.no_grad():
        soft = model.compress(chunk.segment_ids, chunk.groups, chunk.soft_length)
    for row, segment in enumerate(segments):
        expected = by_hand(model, segment, 4)
        torch.testing.assert_close(soft[row, : len(expected)], expected, atol=1e-5, rtol=1e-4)


def test_slots_and_soft_tokens_start_at_the_scale_of_the_embeddings():
    torch.manual_seed(0)
    model = build()
    rms = model.embed_tokens.weight.pow(2).mean().sqrt().item()
    assert model.tcp.slots.weight.pow(2).mean().sqrt().item() == pytest.approx(rms, rel=0.1)
    assert by_hand(model, ids(3, 64), 2).pow(2).mean().sqrt().item() == pytest.approx(rms, rel=0.25)


def test_a_whole_segment_has_enough_slots_at_the_lowest_rate():
    assert build().tcp.slots.num_embeddings == 32
    with pytest.raises(ValueError, match="needs 64 compression tokens; the model has 32"):
        build().compress(torch.tensor([ids(0, 64)]), torch.arange(64).view(1, 64), 64)


def test_encoder_and_head_are_trained_and_the_decoder_if_so_configured():
    model = build()
    model.set_trainable(["encoder", "tcp"])
    model(pack([sample(0, [37], 4)], "qa", [1])).mean().backward()
    trained = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert trained == {"encoder", "tcp"}
    with pytest.raises(ValueError, match="Unknown trainable part 'lsa'; known: encoder, tcp, decoder"):
        model.set_trainable(["lsa"])


def test_packed_weights_bring_back_the_same_soft_tokens():
    torch.manual_seed(1)
    model, other = build(), build()
    model.set_quantization(True)
    apply_packed_state(other, packed_state(model))
    other.set_quantization(True)
    arguments = torch.tensor([ids(0, 40)]), torch.arange(40).view(1, 40) // 4, 10
    with torch.no_grad():
        torch.testing.assert_close(other.compress(*arguments), model.compress(*arguments))


def test_it_is_evaluated_in_pytorch_and_refused_by_the_export(tmp_path):
    tokenizer = tiny_tokenizer()
    model = build().eval()
    gmsa = Gmsa(TorchRuntime(model, tokenizer), 4)
    soft = gmsa.compress([ids(0, 37), ids(1, 9)], 4)
    torch.testing.assert_close(soft[0], by_hand(model, ids(0, 37), 4), atol=1e-5, rtol=1e-4)
    (answer,) = gmsa.generate([gmsa.question_input("Who?", soft, max_new_tokens=3)])
    assert len(answer.token_ids) <= 3
    with pytest.raises(ExportError, match="method 'tcp' is for comparison"):
        export_model(model, tokenizer, tmp_path / "out", name="x", base_name="x")
    model = tiny_model(tokenizer, quantized=False)
    model.config.lsa_layers = 0
    with pytest.raises(ExportError, match="no LSA layer"):
        export_model(model, tokenizer, tmp_path / "out", name="x", base_name="x")
