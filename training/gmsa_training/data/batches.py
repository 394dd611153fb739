"""Endless batches of samples."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

from gmsa_training.config import Stage
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.packing import Sample
from gmsa_training.data.sample_maker import SampleMaker

_POOL = 8  # batches drawn at once and sorted by length, so that rows of a batch need little padding


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
