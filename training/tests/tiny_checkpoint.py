"""A tiny packed checkpoint over a tiny base, and small data files named as the real ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import torch
from export_models import tiny_model, tiny_tokenizer
from transformers import LlamaForCausalLM

from gmsa_training.model.checkpoint import save_packed

CHAT = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}<|im_start|>"
PROSE = "The red house stands by the river. Anna painted the old door green in May. The baker sold 12 loaves. "


def write_checkpoint(folder: Path, name: str = "run") -> tuple[Path, Path]:
    """(packed weights, base model)."""
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = CHAT
    model = tiny_model(tokenizer, quantized=True)
    base = folder / "base"
    torch.manual_seed(0)
    LlamaForCausalLM(model.base_config).save_pretrained(base)
    tokenizer.save_pretrained(base)
    save_packed(model, folder / name / "packed", str(base))
    return folder / name / "packed", base


def _write(path: Path, rows: list[dict]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


def write_data(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    squad = [
        {"text": f"The door of house {i} is {'green' if i % 3 else 'red'}.", "qas": [{"id": f"s{i}", "question": f"Colour {i}?", "answers": ["green" if i % 2 else "blue"]}]}
        for i in range(6)
    ]
    _write(folder / "squad.dev.jsonl.gz", squad)
    prose = [{"title": "t", "text": f"Chapter {i}. " + PROSE * (6 + i % 3), "source": "books"} for i in range(6)]
    _write(folder / "prose.heldout.jsonl.gz", prose)
    return folder
