"""Training samples: prose windows for autoencoding, and questions with their contexts.

Texts stay text until a sample is drawn, so the windows differ every time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gmsa_training.config import DataConfig, Stage
from gmsa_training.data.jsonl import DataError, read_jsonl
from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.opening import open_questions
from gmsa_training.data.questions.source import Questions, QuestionSource, Wanted


@dataclass
class TrainingData:
    """All sources of a run. Encoding: list of texts -> list of token ids without special tokens."""

    prose: ProseSource | None
    questions: list[tuple[QuestionSource, float]]
    heldout_prose: ProseSource | None
    encode: Callable[[list[str]], list[list[int]]]
    config: DataConfig

    def wanted(self, stage: Stage) -> Wanted:
        """How a stage draws its contexts: as the data section says, unless the stage says otherwise."""
        config = self.config
        share = config.unanswerable if stage.unanswerable is None else stage.unanswerable
        return Wanted(share, config.context_tokens if stage.context_tokens is None else stage.context_tokens)

    def draw_questions(self, draw: random.Random, wanted: Wanted) -> Questions:
        if not self.questions:
            raise DataError("The qa objective needs question files in the configuration's data section.")
        sources, weights = zip(*self.questions)
        return draw.choices(sources, weights)[0].draw(draw, wanted)


def load_training_data(folder: str | Path, config: DataConfig, encode: Callable[[list[str]], list[list[int]]]) -> TrainingData:
    """Reads every file that the configuration names. Files that are only for measuring are refused."""
    folder = Path(folder)
    for name in [*config.prose, *config.qa]:
        if any(part in ("test", "dev", "heldout") for part in name.split(".")):
            raise DataError(f"{name} is for measuring only and must not be trained on.")
    texts = [row["text"] for name in config.prose for row in read_jsonl(folder / name)]
    # Every 500th document is kept out of training, to validate on.
    heldout, kept = texts[::500], [text for i, text in enumerate(texts) if i % 500]
    return TrainingData(
        prose=ProseSource(kept or texts) if texts else None,
        heldout_prose=ProseSource(heldout) if heldout else None,
        questions=[(open_questions(folder / name, config), share) for name, share in config.qa.items()],
        encode=encode,
        config=config,
    )
