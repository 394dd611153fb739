"""Reads a shipped model folder back: the packed weights for another round of training, or for evaluation in PyTorch."""

import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

from gmsa_training.config import ModelConfig, QuantizationConfig
from gmsa_training.export.builder import ROPE_NAMES, ExportError
from gmsa_training.export.graphs import TABLE
from gmsa_training.export.weights import INT8_ZERO_POINT
from gmsa_training.model.checkpoint import apply_packed_state, load_packed
from gmsa_training.model.gmsa_model import GmsaModel

_DTYPES = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.UINT8: np.uint8}


def _external_tensors(folder: Path, graph: str) -> dict[str, np.ndarray]:
    """The tensors that a graph keeps in data files, without the rotary tables."""
    model = onnx.load(folder / graph, load_external_data=False)
    tensors = {}
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL or tensor.name in ROPE_NAMES:
            continue
        where = {entry.key: entry.value for entry in tensor.external_data}
        path = (folder / graph).parent / where["location"]
        dtype = np.dtype(_DTYPES[tensor.data_type])
        values = np.fromfile(path, dtype, int(where["length"]) // dtype.itemsize, offset=int(where["offset"]))
        tensors[tensor.name] = values.reshape(tuple(tensor.dims))
    return tensors


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
        tensors |= _external_tensors(folder, entry["graph"])
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


def read_model_config(folder: str | Path) -> ModelConfig:
    """The ModelConfig of a model folder, as far as config.json holds it."""
    folder = Path(folder)
    gmsa = json.loads((folder / "config.json").read_text(encoding="utf-8"))["gmsa"]
    dtypes = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["dtypes"]
    quantized = "q4f16" in dtypes
    fields = {field: gmsa[field] for field in ModelConfig.model_fields if field in gmsa}
    fields.setdefault("refusal", "")
    return ModelConfig(**fields, quantization=QuantizationConfig(linear=quantized, embedding=quantized))


def _empty_base(folder: Path) -> nn.Module:
    config = AutoConfig.from_pretrained(folder)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def load_model(folder: str | Path) -> tuple[GmsaModel, PreTrainedTokenizerFast, str]:
    """Model with its grids on, tokenizer and the name of its base, from a shipped model folder or from a folder of
    packed weights (`checkpoint.save_packed`)."""
    folder = Path(folder)
    if not (folder / "config.json").is_file():
        raise ExportError(f"{folder} is neither a model folder nor a checkpoint: it has no config.json.")
    if not (folder / "manifest.json").is_file():
        return load_packed(folder)
    description = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    base = _empty_base(folder)
    model = GmsaModel(base, base.config, read_model_config(folder))
    apply_packed_state(model, load_exported(folder))
    model.set_quantization(True)
    return model.eval(), AutoTokenizer.from_pretrained(folder), description["gmsa"]["base_model"]
