"""Training samples: prose windows for autoencoding, and questions with their contexts.

Texts stay text until a sample is drawn, so distractors, their order and the windows differ every time."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gmsa_training.config import DataConfig
from gmsa_training.jsonl import DataError, read_jsonl

_CHARACTERS_PER_TOKEN = 4.2  # of English text in byte-level BPE; only for choosing how much text to tokenise
_LONGEST_ANSWER = 150  # characters; longer ones are descriptions, which a 135M model cannot be held to


@dataclass(frozen=True)
class Questions:
    """Questions with one answer each, and the passages of their common context as texts (a title on the first line,
    if any)."""

    turns: Sequence[tuple[str, str]]
    passages: Sequence[str]
    # Passages that hold the answer are kept when a context is cut down; all others are distractors.
    gold: frozenset[int]


def passage_text(passage: dict[str, str]) -> str:
    return f"{passage['title']}\n{passage['text']}" if passage.get("title") else passage["text"]


class ProseSource:
    """Draws windows of text, every document weighted by its length."""

    def __init__(self, texts: Sequence[str]) -> None:
        if not texts:
            raise DataError("There is no prose to draw from.")
        self.texts = texts
        self.ends = list(itertools.accumulate(len(text) for text in texts))

    def draw(self, draw: random.Random, tokens: int) -> str:
        """A piece of one document with a little more than `tokens` tokens, unless the document ends before."""
        text = self.texts[bisect.bisect_right(self.ends, draw.randrange(self.ends[-1]))]
        characters = int(tokens * _CHARACTERS_PER_TOKEN * 1.5) + 64
        if len(text) <= characters:
            return text
        start = draw.randrange(-characters // 2, len(text) - characters // 2)
        start = max(0, min(start, len(text) - characters))
        space = text.find(" ", start, start + 40) if start else 0
        return text[max(start, space) : start + characters]


class QuestionSource:
    """Questions of one file, SQuAD paragraphs or rows with passages."""

    def __init__(self, path: Path, config: DataConfig) -> None:
        self.config = config
        self.paragraphs: list[str] = []
        self.turns: list[list[tuple[str, str]]] = []
        self.squad: list[tuple[int, int]] = []  # paragraph, turn
        self.rows: list[Questions] = []
        self.validation: list[Questions] = []
        paragraphs: list[tuple[str, list[tuple[str, str]]]] = []
        for row in read_jsonl(path):
            if "qas" in row:
                paragraphs.append((row["text"], [(qa["question"], qa["answers"][0]) for qa in row["qas"] if qa["answers"]]))
            else:
                texts = [passage_text(passage) for passage in row["passages"]]
                answer = row["answers"][0].strip()
                if not answer or len(answer) > _LONGEST_ANSWER:
                    continue
                gold = frozenset(i for i, text in enumerate(texts) if answer.lower() in text.lower())
                self.rows.append(Questions([(row["question"].strip(), answer)], texts, gold or frozenset(range(len(texts)))))
        held_out = config.validation_paragraphs
        for text, qas in paragraphs[-held_out:] if held_out else []:
            self.validation += [Questions([(q.strip(), a.strip())], [text], frozenset([0])) for q, a in qas]
        for text, qas in paragraphs[: len(paragraphs) - held_out] if held_out else paragraphs:
            turns = [(q.strip(), a.strip()) for q, a in qas if len(a) <= _LONGEST_ANSWER]
            self.squad += [(len(self.paragraphs), i) for i in range(len(turns))]
            self.turns.append(turns)
            self.paragraphs.append(text)
        if not self.squad and not self.rows:
            raise DataError(f"{path} holds no questions to train on.")

    def draw(self, draw: random.Random) -> Questions:
        """Questions with their context cut to the configured size and its passages shuffled."""
        if self.squad:
            own, first = draw.choice(self.squad)
            rest = [turn for i, turn in enumerate(self.turns[own]) if i != first]
            draw.shuffle(rest)
            turns = [self.turns[own][first], *rest[: self.config.questions_per_context - 1]]
            others = draw.choices(range(len(self.config.distractors)), self.config.distractors)[0]
            chosen = [own] + [draw.randrange(len(self.paragraphs)) for _ in range(others)]
            # Neighbours are of the same article, hence the hard distractors.
            if others and draw.random() < 0.5:
                chosen[1] = max(0, min(len(self.paragraphs) - 1, own + draw.choice([-2, -1, 1, 2])))
            item = Questions(turns, [self.paragraphs[i] for i in dict.fromkeys(chosen)], frozenset([0]))
        else:
            item = draw.choice(self.rows)
        return self._cut_and_shuffle(item, draw)

    def _cut_and_shuffle(self, item: Questions, draw: random.Random) -> Questions:
        budget = self.config.max_context_tokens * _CHARACTERS_PER_TOKEN
        # A context is not always filled: short ones are to be learnt as well.
        budget *= draw.uniform(0.3, 1.0) if self.rows else 1.0
        order = list(range(len(item.passages)))
        draw.shuffle(order)
        order.sort(key=lambda i: i not in item.gold)
        kept: list[int] = []
        for i in order:
            if not kept or budget >= len(item.passages[i]):
                kept.append(i)
                budget -= len(item.passages[i])
        draw.shuffle(kept)
        return Questions(item.turns, [item.passages[i] for i in kept], frozenset())


@dataclass
class TrainingData:
    """All sources of a run. Encoding: list of texts -> list of token ids without special tokens."""

    prose: ProseSource | None
    questions: list[tuple[QuestionSource, float]]
    heldout_prose: ProseSource | None
    encode: Callable[[list[str]], list[list[int]]]

    def draw_questions(self, draw: random.Random) -> Questions:
        sources, weights = zip(*self.questions)
        return draw.choices(sources, weights)[0].draw(draw)


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
        questions=[(QuestionSource(folder / name, config), share) for name, share in config.qa.items()],
        encode=encode,
    )
