"""A tiny base model, a little data and a configuration, for tests that train."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from export_models import TEXT, tiny_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from gmsa_training.config import TrainConfig, config_from_dict

COLOURS = ["red", "green", "blue", "black", "white", "yellow"]


def write_base(folder: Path) -> Path:
    import torch

    torch.manual_seed(0)
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=1024, bos_token_id=1, eos_token_id=2, tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_data(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "toy.train.jsonl.gz", "wt") as file:
        for i in range(40):
            colour, thing = COLOURS[i % 6], ["door", "roof", "car"][i % 3]
            text = f"The {thing} is {colour}. {TEXT[i % 3]}"
            qas = [{"id": None, "question": f"What colour is the {thing}?", "answers": [colour]}] * (1 + i % 3)
            file.write(json.dumps({"title": "t", "text": text, "qas": qas}) + "\n")
    with open(folder / "prose.jsonl", "w") as file:
        for i in range(30):
            file.write(json.dumps({"title": "t", "text": f"{i} " + " ".join(TEXT)}) + "\n")
    return folder


def tiny_config(base: Path, **changes: Any) -> TrainConfig:
    stage = {
        "name": "both", "steps": 4, "trainable": ["encoder", "lsa", "decoder"], "objectives": {"autoencoding": 0.5, "qa": 0.5},
        "rates": {2: 0.5, 4: 0.5}, "lengths": {32: 1.0}, "decoder_tokens": 512, "learning_rate": 3e-3, "warmup_steps": 2,
    }
    stage |= changes.pop("stage", {})
    value = {
        "name": "tiny", "base": str(base), "dtype": "float32", "log_every": 2, "validate_every": 100, "ema_decay": 0.9,
        "model": {"encoder_layers": 1, "rates": [2, 4], "segment_length": 64, "window": 1024},
        "data": {"prose": ["prose.jsonl"], "qa": {"toy.train.jsonl.gz": 1.0}, "validation_paragraphs": 5, "questions_per_context": 3},
        "stages": [stage],
    }
    return config_from_dict(value | changes)
