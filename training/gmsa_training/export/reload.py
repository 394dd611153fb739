"""Reads a shipped model folder back: the packed weights for another round of training, or for evaluation in PyTorch."""

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from gmsa_training.config import ConfigError, QuantizationConfig, exported_config
from gmsa_training.export.builder import ExportError
from gmsa_training.export.graphs import TABLE
from gmsa_training.export.weights import INT8_ZERO_POINT
from gmsa_training.model.checkpoint import apply_packed_state, load_packed, load_packed_state
from gmsa_training.model.gmsa_model import GmsaModel

_KINDS = ("integers", "scales", "weight", "bias")  # the last part of a weight's name


def _rows(config: dict, name: str) -> dict[str, int]:
    """The modules that a matrix holds, with their rows: q, k and v for the builder's packed `qkv_proj`."""
    if "qkv_proj" not in name:
        return {name: -1}
    head_size = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    heads = {"q": config["num_attention_heads"], "k": config["num_key_value_heads"], "v": config["num_key_value_heads"]}
    return {name.replace("qkv_proj", f"{one}_proj"): count * head_size for one, count in heads.items()}


def load_exported(folder: str | Path) -> dict[str, Tensor]:
    """The packed weights (`checkpoint.packed_state`) of a model folder: the very integers and scales that it stores.
    Norms come back as they were rounded for the export."""
    folder = Path(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    dtypes = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["dtypes"]
    # The f16 graphs take their weights as they are stored; q4 and fp32 read the same bytes through further nodes.
    entries = dtypes["q4f16" if "q4f16" in dtypes else "fp32"]
    tensors: dict[str, np.ndarray] = {}
    for entry in entries.values():
        stored = onnx.load(folder / entry["graph"]).graph.initializer
        weights = [tensor for tensor in stored if tensor.name.rpartition(".")[2] in _KINDS]
        tensors |= {tensor.name: numpy_helper.to_array(tensor) for tensor in weights}
    state: dict[str, Tensor] = {}
    for name, array in tensors.items():
        module, _, kind = name.rpartition(".")
        module = module.removesuffix(".weight")
        value = torch.from_numpy(array.copy())
        if kind == "integers" and module == TABLE.removesuffix(".weight"):
            state[f"{module}.int8"] = (value.view(value.shape[0], -1).to(torch.int16) - INT8_ZERO_POINT).to(torch.int8)
            continue
        kind = {"integers": "int4", "scales": "scale"}.get(kind, kind)
        if kind == "int4":
            value = value.flatten(1)
        elif kind in ("weight", "bias"):
            value = value.float()
            if value.dim() == 2 and name != TABLE:
                value = value.T.contiguous()  # MatMul keeps [in, out]
        start = 0
        for target, rows in _rows(config, module).items():
            part = value[start : start + rows] if rows >= 0 else value
            state[f"{target}.{kind}"] = part.contiguous()
            start += rows
    return state


def load_model(folder: str | Path) -> tuple[GmsaModel, PreTrainedTokenizerFast, str]:
    """Model with its grids on, tokenizer and the name of its base, from a shipped model folder or from a folder of
    packed weights (`checkpoint.save_packed`)."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ExportError(f"{folder} is neither a model folder nor a checkpoint: it has no config.json.")
    if not (folder / "manifest.json").is_file():
        return load_packed(folder)
    config, description = exported_config(folder)
    weights = load_exported(folder)
    quantized = any(name.endswith(".int4") for name in weights)
    config.quantization = QuantizationConfig(linear=quantized, embedding=quantized)
    base = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=torch.float32)
    model = GmsaModel(base, base.config, config)
    apply_packed_state(model, weights)
    model.set_quantization(True)
    return model.eval(), AutoTokenizer.from_pretrained(folder), description["gmsa"]["base_model"]


def load_initial_weights(model: GmsaModel, folder: Path) -> dict[str, list[str]]:
    """Fills the model with the weights of a packed checkpoint or a shipped model folder. A model of another method has
    other parts, so gives the parts that were `taken`, those of the model that stay `fresh`, and those of the folder that
    are `left`. A part that both have is taken as a whole; raises ConfigError if it does not fit."""
    state = load_exported(folder) if (folder / "manifest.json").is_file() else load_packed_state(folder)
    parts = dict(model.named_children())
    stored = {name.split(".")[0] for name in state}
    taken = stored & set(parts)
    chosen = {name: value for name, value in state.items() if name.split(".")[0] in taken}
    try:
        apply_packed_state(nn.ModuleDict({name: parts[name] for name in taken}), chosen)
    except (KeyError, RuntimeError) as error:
        raise ConfigError(f"The weights in {folder} do not fit the configuration's model: {error}") from error
    return {"taken": sorted(taken), "fresh": sorted(set(parts) - stored), "left": sorted(stored - set(parts))}
