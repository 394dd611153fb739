"""The files beside the graphs: config.json, tokenizer, manifest.json and the model card."""

import hashlib
import json
from pathlib import Path
from typing import Any

import onnx
from transformers import PreTrainedTokenizerFast

from gmsa_training.export.dtypes import SUFFIXES
from gmsa_training.export.graphs import GRAPHS
from gmsa_training.model.gmsa_model import GmsaModel

FORMAT = 1
UNLISTED = ("manifest.json", "README.md")
_FIELDS = (
    *("encoder_layers", "lsa_layers", "rates", "default_rate", "segment_length", "window", "prefix_ids"),
    *("question_template", "quote_template", "whole_text_tokens", "quote_tokens", "restore_instruction", "refusal", "end_ids"),
)
_QUOTES = ("quote_template", "whole_text_tokens", "quote_tokens")


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def describe(model: GmsaModel, base_name: str, licence: str) -> dict[str, Any]:
    """config.json: the base model's own keys and the `gmsa` block."""
    config = json.loads(model.base_config.to_json_string())  # without the defaults that mean nothing
    config.pop("_name_or_path", None)
    gmsa = model.config
    # transformers 5 groups the rotary keys; readers of older files look for rope_theta.
    if theta := (config.get("rope_parameters") or {}).get("rope_theta"):
        config["rope_theta"] = theta
    config["transformers.js_config"] = {"use_external_data_format": True}
    left_out = {*(() if gmsa.refusal else ("refusal",)), *(() if gmsa.quote_template else _QUOTES)}
    fields = {name: getattr(gmsa, name) for name in _FIELDS if name not in left_out}
    config["gmsa"] = {"format": FORMAT, "base_model": base_name, **fields, "licence": licence}
    return config


def _write_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerFast, window: int) -> None:
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    # transformers.js knows no "TokenizersBackend", which transformers 5 writes for a tokenizer that is all in
    # tokenizer.json; both know this older name.
    if config.get("tokenizer_class") in (None, "TokenizersBackend"):
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    config["model_max_length"] = window
    for key in ("backend", "is_local", "name_or_path"):
        config.pop(key, None)
    write_json(path, config)
    # The file is downloaded, so it is written without indentation.
    path = folder / "tokenizer.json"
    compact = json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":"))
    path.write_text(compact, encoding="utf-8")


def write_description(folder: Path, model: GmsaModel, tokenizer: PreTrainedTokenizerFast, base_name: str, licence: str) -> None:
    """config.json, generation_config.json and the tokenizer."""
    config = describe(model, base_name, licence)
    write_json(folder / "config.json", config)
    generation = {"bos_token_id": config.get("bos_token_id"), "eos_token_id": model.config.end_ids, "do_sample": False}
    write_json(folder / "generation_config.json", {key: value for key, value in generation.items() if value is not None})
    _write_tokenizer(folder, tokenizer, model.config.window)


def _data_files(graph_path: Path) -> list[str]:
    model = onnx.load(graph_path, load_external_data=False)
    entries = [entry for tensor in model.graph.initializer for entry in tensor.external_data]
    return [f"onnx/{location}" for location in sorted({entry.value for entry in entries if entry.key == "location"})]


def write_manifest(folder: str | Path, name: str | None = None, dtypes: tuple[str, ...] | None = None) -> None:
    """Writes manifest.json from what lies in the folder. Without a name or dtypes, those of the old manifest stay."""
    folder = Path(folder)
    path = folder / "manifest.json"
    old = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    files = []
    for file in sorted(folder.rglob("*")):
        relative = file.relative_to(folder).as_posix()
        if file.is_file() and relative not in UNLISTED:
            data = file.read_bytes()
            files.append({"path": relative, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    entries: dict[str, Any] = {}
    for dtype in dtypes or tuple(old["dtypes"]):
        entries[dtype] = {}
        for graph in GRAPHS:
            graph_path = f"onnx/{graph}{SUFFIXES[dtype]}.onnx"
            entries[dtype][graph] = {"graph": graph_path, "data": _data_files(folder / graph_path)}
    write_json(path, {"format": FORMAT, "name": name or old["name"], "files": files, "dtypes": entries})


def folder_sizes(folder: str | Path) -> dict[str, int]:
    """Bytes that a browser downloads for each dtype: its graphs, their data and what every dtype needs."""
    manifest = json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))
    sizes = {file["path"]: file["bytes"] for file in manifest["files"]}
    common = {path for path in sizes if not path.startswith("onnx/")}
    totals = {}
    for dtype, graphs in manifest["dtypes"].items():
        needed = common | {entry["graph"] for entry in graphs.values()}
        needed |= {path for entry in graphs.values() for path in entry["data"]}
        totals[dtype] = sum(sizes[path] for path in needed)
    return totals
