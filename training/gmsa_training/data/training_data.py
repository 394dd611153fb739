"""What training draws from: prose, and questions with their contexts.

Texts stay text until a sample is drawn, so the windows differ every time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gmsa_training.config import DataConfig, Stage
from gmsa_training.data.jsonl import DataError, read_jsonl
from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.cloze import ClozeSource
from gmsa_training.data.questions.facts import FactSource
from gmsa_training.data.questions.opening import open_questions
from gmsa_training.data.questions.source import Questions, QuestionSource, Wanted
from gmsa_training.data.questions.typed import as_typed


@dataclass
class TrainingData:
    """All sources of a run. Encoding: list of texts -> list of token ids without special tokens."""

    prose: ProseSource | None
    questions: list[tuple[QuestionSource, float]]
    heldout_prose: ProseSource | None
    encode: Callable[[list[str]], list[list[int]]]
    config: DataConfig
    # By objective.
    made: dict[str, QuestionSource] = field(default_factory=dict)
    heldout_made: dict[str, QuestionSource] = field(default_factory=dict)
    documents: list[tuple[QuestionSource, float]] = field(default_factory=list)

    def wanted(self, stage: Stage, objective: str = "qa") -> Wanted:
        """How a stage draws the contexts of an objective: as the data section says, but for lengths of the objective's own."""
        own = stage.settings.get(objective)
        lengths = own.lengths if own and own.lengths is not None else self.config.context_tokens
        return Wanted(self.config.unanswerable, lengths)

    def draw_questions(self, draw: random.Random, wanted: Wanted, objective: str = "qa") -> Questions:
        found = self._drawn(draw, wanted, objective)
        return as_typed(found, self.config.typed, draw) if self.config.typed and objective != "asking" else found

    def _drawn(self, draw: random.Random, wanted: Wanted, objective: str) -> Questions:
        questions = self.documents if objective == "documents" else self.questions
        if objective not in ("qa", "asking", "documents"):
            if objective not in self.made:
                raise DataError(f"The {objective} objective needs prose files in the configuration's data section.")
            return self.made[objective].draw(draw, wanted)
        if not questions:
            raise DataError(f"The {objective} objective needs question files in the configuration's data section.")
        sources, weights = zip(*questions)
        return draw.choices(sources, weights)[0].draw(draw, wanted)


def made_questions(prose: ProseSource | None) -> dict[str, QuestionSource]:
    """The sources that make questions of prose, by objective."""
    return {"cloze": ClozeSource(prose), "facts": FactSource(prose)} if prose else {}


def refuse_measuring_files(names: Iterable[str]) -> None:
    """Raises DataError if one of the files is only for measuring."""
    for name in names:
        if any(part in ("test", "dev", "heldout") for part in name.split(".")):
            raise DataError(f"{name} is for measuring only and must not be trained on.")


def read_prose(paths: Sequence[Path]) -> tuple[ProseSource | None, ProseSource | None]:
    """What is trained on, and every 500th document, which is kept out to validate on."""
    rows = [(row["text"], row.get("title") or "") for path in paths for row in read_jsonl(path)]
    heldout, kept = rows[::500], [row for i, row in enumerate(rows) if i % 500]
    return _source(kept or rows), _source(heldout)


def _source(rows: Sequence[tuple[str, str]]) -> ProseSource | None:
    return ProseSource(*map(list, zip(*rows))) if rows else None


def load_training_data(folder: str | Path, config: DataConfig, encode: Callable[[list[str]], list[list[int]]]) -> TrainingData:
    """Reads every file that the configuration names. Files that are only for measuring are refused."""
    folder = Path(folder)
    refuse_measuring_files([*config.prose, *config.qa, *config.documents])
    opened = {name: open_questions(folder / name, config) for name in {**config.qa, **config.documents}}
    prose, heldout_prose = read_prose([folder / name for name in config.prose])
    return TrainingData(
        prose=prose,
        heldout_prose=heldout_prose,
        questions=[(opened[name], share) for name, share in config.qa.items()],
        documents=[(opened[name], share) for name, share in config.documents.items()],
        encode=encode,
        config=config,
        made=made_questions(prose),
        heldout_made=made_questions(heldout_prose),
    )
