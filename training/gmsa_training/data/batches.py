"""Texts as samples of token ids, and endless batches of them."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

from gmsa_training.config import ModelConfig, Stage
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.packing import Sample, pack
from gmsa_training.data.question_sources import Questions
from gmsa_training.data.segments import cut_segments
from gmsa_training.data.training_data import TrainingData

_POOL = 8  # batches drawn at once and sorted by length, so that rows of a batch need little padding


class SampleMaker:
    """Turns texts into samples of the two objectives (paper section 3.4: autoencoding, and KEFT)."""

    def __init__(self, data: TrainingData, config: ModelConfig) -> None:
        self.data = data
        self.config = config
        self.restore_ids = self._encode(config.restore_instruction)

    def pack(self, samples: list[Sample], objective: str, taught: bool = False) -> PackedBatch:
        return pack(samples, objective, self.config.prefix_ids, compressed=self.config.method != "full", taught=taught)

    def _encode(self, text: str) -> list[int]:
        return self.data.encode([text])[0]

    def autoencoding(self, text: str, tokens: int, rate: int) -> Sample | None:
        """Restates the first `tokens` tokens of `text`, which are one segment."""
        ids = self._encode(text)[:tokens]
        if len(ids) < min(16, tokens):
            return None
        return Sample([ids], rate, [(self.restore_ids, [*ids, self.config.end_ids[0]])])

    def questions(self, item: Questions, rate: int) -> Sample:
        """Answers questions from the segments of their context."""
        segments = cut_segments("\n\n".join(item.passages), self.data.encode, self.config.segment_length)
        template = self.config.question_template
        answers = [self.config.refusal if answer is None else answer for _, answer in item.turns]
        asked = [template.replace("{question}", question) for question, _ in item.turns]
        texts = [text for question, answer in zip(asked, answers) for text in (question, " " + answer)]
        ids = self.data.encode(texts)
        turns = [(prompt, [*answer, self.config.end_ids[0]]) for prompt, answer in zip(ids[0::2], ids[1::2])]
        return Sample([segment.ids for segment in segments], rate, turns)


def _weighted(draw: random.Random, weights: dict[int, float]) -> int:
    return draw.choices(list(weights), list(weights.values()))[0]


def draw_sample(objective: str, maker: SampleMaker, stage: Stage, draw: random.Random, tokens: int) -> Sample | None:
    rate = _weighted(draw, stage.rates)
    if objective == "qa":
        return maker.questions(maker.data.draw_questions(draw, maker.data.wanted(stage)), rate)
    if maker.data.prose is None:
        raise ValueError("The autoencoding objective needs prose files in the configuration's data section.")
    return maker.autoencoding(maker.data.prose.draw(draw, tokens), tokens, rate)


def _batches(objective: str, maker: SampleMaker, stage: Stage, draw: random.Random, budget: int) -> Iterator[list[Sample]]:
    """Endless lists of samples whose padded decoder positions stay within the budget."""
    prefix = len(maker.config.prefix_ids)
    batches: list[list[Sample]] = [[]]
    pools = 1  # the first pool is small, so that a stage begins at once
    while True:
        # The last list of the pool before is seldom full. It holds the longest samples, so it must not be dropped.
        pool = batches[-1]
        tokens = _weighted(draw, stage.lengths)
        # All windows of a pool have one length, so autoencoding has no need of a large one.
        missing = budget * (1 if objective == "autoencoding" else pools)
        pools = min(_POOL, 2 * pools)
        missing = max(1, missing - sum(sample.decoder_length(prefix) for sample in pool))
        while missing > 0:
            sample = draw_sample(objective, maker, stage, draw, tokens)
            if sample is not None:
                pool.append(sample)
                missing -= sample.decoder_length(prefix)
        pool.sort(key=lambda sample: sample.decoder_length(prefix))
        batches = [[]]
        for sample in pool:
            if batches[-1] and (len(batches[-1]) + 1) * sample.decoder_length(prefix) > budget:
                batches.append([])
            batches[-1].append(sample)
        whole = batches[:-1]
        draw.shuffle(whole)
        yield from whole


def step_batches(maker: SampleMaker, stage: Stage, seed: int, taught: Collection[str] = ()) -> Iterator[list[PackedBatch]]:
    """Endless optimiser steps: one packed batch for each objective, sized by its share of the decoder tokens.
    taught: objectives whose batches a teacher reads as well."""
    draw = random.Random(seed)
    total = sum(stage.objectives.values())
    streams = {
        objective: _batches(objective, maker, stage, draw, int(stage.decoder_tokens * share / total))
        for objective, share in stage.objectives.items()
        if share > 0
    }
    while True:
        yield [maker.pack(next(stream), objective, objective in taught) for objective, stream in streams.items()]
