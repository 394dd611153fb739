"""Runs onnxruntime-genai's model builder on one layer stack (encoder, LSA or decoder) and gives its f32 graph.

The builder writes the attention, norm and MLP operators that ONNX Runtime's WebGPU and CPU providers run best. It
works on a Hugging Face folder, so each stack becomes one, with a token table of a few rows that the graph leaves out.
Quantisation is not left to the builder: its own rounding would have to be trusted to give the integers of training.
"""

import contextlib
import copy
import io
import re
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging as transformers_logging

from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.layers import GridLinear, LayerStack

_ROWS = 32  # of the unused token table
_NAMES = [
    (
        re.compile(r"^model\.layers\.(\d+)\.attn\.(qkv|o|q|k|v)_proj\.(?:MatMul|Add)\.(weight|bias)$"),
        r"layers.\1.self_attn.\2_proj.\3",
    ),
    (re.compile(r"^model\.layers\.(\d+)\.mlp\.(\w+)_proj\.(?:MatMul|Add)\.(weight|bias)$"), r"layers.\1.mlp.\2_proj.\3"),
    (re.compile(r"^model\.layers\.\d+\.final_norm_layernorm\.weight$"), "norm.weight"),
    (re.compile(r"^model\.layers\.(\d+)\.(\w+_layernorm)\.weight$"), r"layers.\1.\2.weight"),
]
ROPE_NAMES = ("cos_cache", "sin_cache")


class ExportError(RuntimeError):
    """The model cannot be exported; the message says why."""


def _write_stack(model: GmsaModel, stack: LayerStack, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    config = copy.deepcopy(model.base_config)
    config.num_hidden_layers = len(stack.layers)
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[: len(stack.layers)]
    config.vocab_size = _ROWS
    config.bos_token_id = config.eos_token_id = config.pad_token_id = None
    config.tie_word_embeddings = True
    language_model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    state = {name: value for name, value in stack.layers.state_dict().items() if ".lora_" not in name}
    for name, module in stack.layers.named_modules():
        if isinstance(module, GridLinear):
            state[f"{name}.weight"] = module.effective_weight().detach()
    language_model.model.layers.load_state_dict(state)
    language_model.model.norm.load_state_dict(stack.norm.state_dict())
    language_model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)  # the builder copies it and stops without one


def gmsa_name(name: str, part: str) -> str:
    """The builder's name of a weight -> the name in GmsaModel, with q, k and v packed as `qkv_proj`."""
    if name in ROPE_NAMES:
        return name
    for pattern, replacement in _NAMES:
        if pattern.match(name):
            return f"{part}.{pattern.sub(replacement, name)}"
    raise ExportError(f"The builder's graph has a weight {name!r} that is unknown here; this architecture is not supported.")


def build_stack(model: GmsaModel, part: str, tokenizer: PreTrainedTokenizerFast) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """part: `encoder`, `lsa` or `decoder`.

    Gives the graph over `inputs_embeds` up to `hidden_states` (after the final norm), with its weights taken out, and
    these weights in f32 under their GmsaModel names: matrices are [in, out] as MatMul wants them.
    """
    # Importing the builder takes seconds, and only an export needs it.
    from onnxruntime_genai.models.builder import create_model, parse_extra_options

    options = ["exclude_embeds=true", "exclude_lm_head=true", "use_webgpu_fp32=true"]
    log = io.StringIO()
    with tempfile.TemporaryDirectory() as temporary:
        source, target, cache = (str(Path(temporary) / name) for name in ("source", "target", "cache"))
        verbosity = transformers_logging.get_verbosity()
        transformers_logging.set_verbosity_error()
        try:
            with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
                _write_stack(model, getattr(model, part), tokenizer, Path(source))
                extra = parse_extra_options("", source, target, "fp32", "webgpu", cache, options)
                create_model("", source, target, "fp32", "webgpu", cache, **extra)
        except Exception as error:
            raise ExportError(f"onnxruntime-genai could not build the {part}: {error}\n{log.getvalue()[-2000:]}") from error
        finally:
            transformers_logging.set_verbosity(verbosity)
        graph = onnx.load(Path(target) / "model.onnx")

    weights: dict[str, np.ndarray] = {}
    renamed: dict[str, str] = {}
    for initializer in graph.graph.initializer:
        renamed[initializer.name] = gmsa_name(initializer.name, part)
        weights[renamed[initializer.name]] = numpy_helper.to_array(initializer)
    del graph.graph.initializer[:]
    del graph.graph.value_info[:]  # ONNX Runtime infers them, and they would be wrong for other dtypes
    for node in graph.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        while node.input and not node.input[-1]:
            node.input.pop()
    return graph, weights
