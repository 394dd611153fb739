"""Endless batches of samples."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from gmsa_training.config import QUESTION_OBJECTIVES, Stage
from gmsa_training.data.jsonl import DataError
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.packing import Sample
from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN, weighted
from gmsa_training.data.samples import SampleMaker

_POOL = 8  # batches drawn at once and sorted by length, so that rows of a batch need little padding
_FILLED = 0.75  # of the decoder's window, by the planned length of a context: texts have more tokens than planned, or fewer
_TRIES = 1000


def _fitting(sample: Sample | None, maker: SampleMaker) -> Sample | None:
    """The sample with as many turns as the decoder's window takes; None if it takes none."""
    prefix, window = len(maker.config.prefix_ids), maker.config.window
    while sample is not None and sample.decoder_length(prefix) > window:
        sample = replace(sample, turns=sample.turns[:-1]) if len(sample.turns) > 1 else None
    return sample


def draw_sample(objective: str, maker: SampleMaker, stage: Stage, draw: random.Random, tokens: int) -> Sample | None:
    """tokens: length of a window of prose. None where the text that was drawn makes no sample."""
    rate = weighted(draw, stage.rates_of(objective))
    longest = int(_FILLED * maker.config.window) * rate
    data = maker.data
    if objective in QUESTION_OBJECTIVES:
        wanted = replace(data.wanted(stage, objective), longest=longest)
        return _fitting(maker.questions(data.draw_questions(draw, wanted, objective), rate, objective, draw), maker)
    if objective == "asking":
        wanted = replace(data.wanted(stage, objective), longest=longest, unanswerable=0.0)
        return _fitting(maker.asking(data.draw_questions(draw, wanted, objective), rate), maker)
    if data.prose is None:
        raise DataError(f"The {objective} objective needs prose files in the configuration's data section.")
    return _fitting(prose_sample(objective, maker, data.prose, draw, min(tokens, longest), rate), maker)


def prose_sample(
    objective: str, maker: SampleMaker, prose: ProseSource, draw: random.Random, tokens: int, rate: int
) -> Sample | None:
    if objective == "autoencoding":
        return maker.autoencoding(prose.draw(draw, tokens), tokens, rate)
    if objective == "continuation":
        return maker.continuation(prose.draw_long(draw, maker.continuation_characters(tokens)), rate, draw)
    return maker.recall(prose.draw_long(draw, int(tokens * CHARACTERS_PER_TOKEN)), rate, draw)


def _batches(objective: str, maker: SampleMaker, stage: Stage, draw: random.Random, budget: int) -> Iterator[list[Sample]]:
    """Endless lists of samples whose padded decoder positions stay within the budget."""
    prefix = len(maker.config.prefix_ids)
    batches: list[list[Sample]] = [[]]
    pools = 1  # the first pool is small, so that a stage begins at once
    while True:
        # The last list of the pool before is seldom full. It holds the longest samples, so it must not be dropped.
        pool = batches[-1]
        tokens = weighted(draw, stage.lengths_of(objective))
        # All windows of prose of a pool have one length, so they have no need of a large one.
        missing = budget * (pools if objective in QUESTION_OBJECTIVES else 1)
        pools = min(_POOL, 2 * pools)
        missing = max(1, missing - sum(sample.decoder_length(prefix) for sample in pool))
        failed = 0
        while missing > 0:
            sample = draw_sample(objective, maker, stage, draw, tokens)
            failed = failed + 1 if sample is None else 0
            if failed == _TRIES:
                raise DataError(f"No text makes a row of {objective}: texts are too short, or contexts do not fit the window.")
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


def objectives_of_step(shares: Mapping[str, float], count: int, draw: random.Random) -> list[str]:
    """Draws `count` objectives, each as often as its share of them: at even distances along the shares laid end to end.
    One whose share is above 1 / count may come twice."""
    ends = list(itertools.accumulate(shares.values()))
    step = ends[-1] / count
    start = draw.random() * step
    names = list(shares)
    return [names[min(bisect.bisect_right(ends, start + i * step), len(names) - 1)] for i in range(count)]


@dataclass(frozen=True)
class Taught:
    """What a teacher that can read `window` positions reads as well: this share of the batches of the objectives."""

    objectives: Collection[str]
    window: int
    share: float = 1.0

    def window_for(self, objective: str, draw: random.Random) -> int:
        """0 for a batch that it does not read."""
        return self.window if objective in self.objectives and draw.random() < self.share else 0


def step_batches(
    maker: SampleMaker, stage: Stage, seed: int, taught: Taught | None = None, process: int = 0
) -> Iterator[list[PackedBatch]]:
    """Endless optimiser steps: one packed batch for each objective, sized by its share of the decoder tokens; or, with
    `objectives_per_step`, so many batches of one size (`batch_weight` has what each counts).
    taught: what a teacher reads as well. process: of several that train together; each draws its own texts, but all have
    the same objectives at a step, and a teacher or none, so that none waits long for the others."""
    plan, draw = random.Random(seed), random.Random(f"{seed} {process}")
    shares = {objective: share for objective, share in stage.objectives.items() if share > 0}
    count, total = stage.objectives_per_step, sum(shares.values())
    streams = {
        objective: _batches(objective, maker, stage, draw, int(stage.decoder_tokens * (1 / count if count else share / total)))
        for objective, share in shares.items()
    }
    while True:
        chosen = objectives_of_step(shares, count, plan) if count else list(shares)
        windows = [taught.window_for(objective, plan) if taught else 0 for objective in chosen]
        yield [maker.pack(next(streams[objective]), objective, window) for objective, window in zip(chosen, windows)]


def batch_weight(stage: Stage, objective: str) -> float:
    """What the mean loss of one batch of a step counts, so that objectives count by their shares."""
    if stage.objectives_per_step:
        return 1 / stage.objectives_per_step
    return stage.objectives[objective] / sum(stage.objectives.values())
