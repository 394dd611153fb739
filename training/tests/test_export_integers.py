"""The export stores the very integers of training, once, and they can be read back."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from export_models import tiny_model, tiny_tokenizer

from gmsa_training.config import LoraConfig
from gmsa_training.export import export_model, load_exported, load_model
from gmsa_training.model.checkpoint import apply_packed_state, packed_state, save_packed, unpack_int4
from gmsa_training.model.quantization import quantize_int4, quantize_int8


def external(folder, graph: str) -> dict[str, onnx.TensorProto]:
    model = onnx.load(folder / "onnx" / graph, load_external_data=False)
    return {tensor.name: tensor for tensor in model.graph.initializer if tensor.external_data}


def place(tensor: onnx.TensorProto) -> tuple[str, ...]:
    return tuple(entry.value for entry in sorted(tensor.external_data, key=lambda entry: entry.key))


def read(folder, tensor: onnx.TensorProto, dtype) -> np.ndarray:
    length, location, offset = place(tensor)
    data = (folder / "onnx" / location).read_bytes()[int(offset) : int(offset) + int(length)]
    return np.frombuffer(data, dtype)


def test_matmulnbits_reads_the_integers_and_scales_of_training(quantized):
    tensors = external(quantized.folder, "decoder_model_merged_q4f16.onnx")
    for layer, block in enumerate(quantized.model.decoder.layers):
        attention, mlp = block.self_attn, block.mlp
        matrices = {
            "self_attn.qkv_proj": torch.cat([one.weight for one in (attention.q_proj, attention.k_proj, attention.v_proj)]),
            "self_attn.o_proj": attention.o_proj.weight,
            "mlp.gate_proj": mlp.gate_proj.weight,
            "mlp.up_proj": mlp.up_proj.weight,
            "mlp.down_proj": mlp.down_proj.weight,
        }
        for name, weight in matrices.items():
            integers, scales = quantize_int4(weight.detach())
            stored = tensors[f"decoder.layers.{layer}.{name}.weight.integers"]
            packed = read(quantized.folder, stored, np.uint8)
            # MatMulNBits: two integers to a byte, the first in the low half, plus 8.
            unpacked = np.stack([packed & 15, packed >> 4], -1).astype(np.int64).reshape(integers.shape) - 8
            assert list(stored.dims) == [weight.shape[0], weight.shape[1] // 32, 16]
            assert np.array_equal(unpacked, integers.numpy())
            stored = tensors[f"decoder.layers.{layer}.{name}.weight.scales"]
            assert np.array_equal(read(quantized.folder, stored, np.float16), scales.half().numpy().ravel())


def test_embedding_and_lm_head_read_the_same_bytes(quantized):
    integers, _ = quantize_int8(quantized.model.embed_tokens.weight.detach())
    embedding = external(quantized.folder, "embed_tokens_q4f16.onnx")
    head = external(quantized.folder, "decoder_model_merged_q4f16.onnx")
    for kind in ("integers", "scales"):
        assert place(embedding[f"embed_tokens.weight.{kind}"]) == place(head[f"embed_tokens.weight.{kind}"])
    codes = read(quantized.folder, embedding["embed_tokens.weight.integers"], np.uint8)
    assert np.array_equal(codes.astype(np.int64) - 128, integers.numpy().ravel())


@pytest.mark.parametrize("graph", ["embed_tokens", "encoder_model", "lsa", "decoder_model_merged"])
def test_all_dtypes_read_the_same_bytes(quantized, graph):
    reference, *others = (
        {name: place(tensor) for name, tensor in external(quantized.folder, f"{graph}{suffix}.onnx").items()}
        for suffix in ("_q4f16", "_q4", "")
    )
    assert reference
    for other in others:
        assert other == reference


def test_a_model_folder_gives_the_packed_weights_back(quantized, plain):
    for exported in (quantized, plain):
        expected = packed_state(exported.model)
        actual = load_exported(exported.folder)
        assert set(actual) == set(expected)
        for name, value in expected.items():
            assert actual[name].dtype == value.dtype, name
            assert torch.equal(actual[name], value), name


def test_a_second_export_of_a_model_folder_is_the_same_to_the_byte(quantized, tmp_path):
    model, tokenizer, base_name = load_model(quantized.folder)
    assert base_name == "tiny-base"
    export_model(model, tokenizer, tmp_path / "again", name="tiny", base_name=base_name)
    for file in (quantized.folder / "onnx").iterdir():
        assert (tmp_path / "again" / "onnx" / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_checkpoint_can_be_resumed_from_a_model_folder(quantized):
    other = tiny_model(tiny_tokenizer(), quantized=True, seed=1)
    apply_packed_state(other, load_exported(quantized.folder))
    other.set_quantization(True)
    ids = torch.tensor([[5, 9, 30, 200]])
    with torch.no_grad():
        expected = quantized.model.decoder(quantized.model.embed_tokens(ids))
        assert torch.equal(other.decoder(other.embed_tokens(ids)), expected)


def test_a_low_rank_update_of_the_encoder_is_merged_before_rounding(tmp_path):
    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer, quantized=True, lora=LoraConfig(rank=4, alpha=8.0))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("lora_b"):
                parameter.normal_(std=0.1)
    export_model(model, tokenizer, tmp_path / "lora", name="lora", base_name="tiny-base")
    projection = model.encoder.layers[0].mlp.up_proj
    weight = projection.weight + projection.lora_scale * (projection.lora_b @ projection.lora_a)
    integers, _ = quantize_int4(weight.detach())
    expected = (integers.flatten(-2) + 8).to(torch.uint8)
    stored = load_exported(tmp_path / "lora")["encoder.layers.0.mlp.up_proj.int4"]
    assert torch.equal(stored, expected[:, 0::2] | (expected[:, 1::2] << 4))


def test_blocks_too_small_for_a_normal_f16_scale_are_rounded_once(tmp_path):
    # Their scales are rounded so coarsely that a second rounding would give other integers.
    tokenizer = tiny_tokenizer()
    model = tiny_model(tokenizer, quantized=True)
    weight = model.decoder.layers[0].mlp.up_proj.weight
    with torch.no_grad():
        weight[:, :32] *= torch.logspace(-3, -9, len(weight)).unsqueeze(1)
    once, scales = quantize_int4(weight.detach())
    assert not torch.equal(quantize_int4((once * scales).flatten(-2))[0], once)
    export_model(model, tokenizer, tmp_path / "small", name="small", base_name="tiny-base")
    stored = unpack_int4(load_exported(tmp_path / "small")["decoder.layers.0.mlp.up_proj.int4"])
    assert torch.equal(stored, once.flatten(-2))


def test_packed_checkpoints_and_model_folders_are_read_by_one_function(quantized, tmp_path, monkeypatch):
    save_packed(quantized.model, tmp_path, "tiny-base")
    base = tiny_model(quantized.tokenizer, quantized=True, seed=3)

    class Base:
        """What GmsaModel takes from a Hugging Face model."""

        config = base.base_config

        class model:
            embed_tokens, layers, norm = base.embed_tokens, base.decoder.layers, base.decoder.norm
            rotary_emb = base.decoder.rotary

    monkeypatch.setattr("gmsa_training.model.base_model.load_base", lambda source: (Base, quantized.tokenizer))
    model, _, base_name = load_model(tmp_path)
    assert base_name == "tiny-base"
    actual, expected = (one.lsa.layers[0].mlp.up_proj.effective_weight() for one in (model, quantized.model))
    assert torch.equal(actual, expected)
