"""Samples as token ids, and their packing into padded tensors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gmsa_training.config import ModelConfig, Stage
from gmsa_training.model import PackedBatch, SegmentChunk
from gmsa_training.segments import cut_segments
from gmsa_training.training_data import Questions, TrainingData

_POOL = 8  # batches drawn at once and sorted by length, so that rows of a batch need little padding


@dataclass
class Sample:
    """One row of the decoder: its segments (token ids), the rate they are merged at, and the turns that follow the
    soft tokens, each a prompt and its target. A turn sees the context and itself, so it is trained as if alone."""

    segments: list[list[int]]
    rate: int
    turns: list[tuple[list[int], list[int]]]

    def soft_tokens(self) -> int:
        return sum(-(-len(segment) // self.rate) for segment in self.segments)

    def decoder_length(self, prefix: int) -> int:
        return prefix + self.soft_tokens() + sum(len(prompt) + len(target) - 1 for prompt, target in self.turns)


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def _chunks(samples: list[Sample], rounding: int) -> tuple[list[SegmentChunk], dict[tuple[int, int], int]]:
    """The segments in chunks of similar length, and the number of each segment's first soft token, by sample and
    place in the sample."""
    waiting = [(row, number, segment) for row, sample in enumerate(samples) for number, segment in enumerate(sample.segments)]
    chunks: list[SegmentChunk] = []
    first_soft: dict[tuple[int, int], int] = {}
    offset = 0
    for limit in (128, 256, max((len(segment) for _, _, segment in waiting), default=0)):
        chosen = [item for item in waiting if len(item[2]) <= limit]
        waiting = [item for item in waiting if len(item[2]) > limit]
        if not chosen:
            continue
        longest = _round_up(max(len(segment) for _, _, segment in chosen), rounding)
        soft_length = _round_up(max(-(-len(segment) // samples[row].rate) for row, _, segment in chosen), min(rounding, 8))
        ids = torch.zeros(len(chosen), longest, dtype=torch.int64)
        groups = torch.full((len(chosen), longest), len(chosen) * soft_length, dtype=torch.int64)
        for i, (row, number, segment) in enumerate(chosen):
            ids[i, : len(segment)] = torch.tensor(segment)
            groups[i, : len(segment)] = i * soft_length + torch.arange(len(segment)) // samples[row].rate
            first_soft[row, number] = offset + i * soft_length
        offset += len(chosen) * soft_length
        chunks.append(SegmentChunk(ids, groups, soft_length))
    return chunks, first_soft


def pack(samples: list[Sample], objective: str, prefix_ids: list[int], rounding: int = 32) -> PackedBatch:
    """Packs samples into one batch. The last target token is a label only, never an input. Lengths are rounded up to
    a multiple of `rounding`, so that a compiled model meets few shapes."""
    length = _round_up(max(sample.decoder_length(len(prefix_ids)) for sample in samples), rounding)
    chunks, first_soft = _chunks(samples, rounding)
    several = any(len(sample.turns) > 1 for sample in samples)
    turns = torch.zeros(len(samples), length, dtype=torch.int64)
    positions = torch.arange(length).repeat(len(samples), 1)
    soft_source: list[Tensor] = []
    soft_target: list[Tensor] = []
    token_ids: list[int] = []
    token_target: list[Tensor] = []
    label_source: list[Tensor] = []
    labels: list[int] = []
    label_sample: list[int] = []
    source_tokens = 0
    for row, sample in enumerate(samples):
        place = row * length
        token_ids += prefix_ids
        token_target.append(torch.arange(place, place + len(prefix_ids)))
        place += len(prefix_ids)
        for number, segment in enumerate(sample.segments):
            merged = -(-len(segment) // sample.rate)
            soft_source.append(torch.arange(first_soft[row, number], first_soft[row, number] + merged))
            soft_target.append(torch.arange(place, place + merged))
            place += merged
            source_tokens += len(segment)
        context = place - row * length
        for number, (prompt, target) in enumerate(sample.turns, start=1):
            text = prompt + target[:-1]
            token_ids += text
            token_target.append(torch.arange(place, place + len(text)))
            if several:
                turns[row, place - row * length : place - row * length + len(text)] = number
                positions[row, place - row * length : place - row * length + len(text)] = context + torch.arange(len(text))
            first_label = place + len(prompt) - 1
            label_source.append(torch.arange(first_label, first_label + len(target)))
            labels += target
            label_sample += [row] * len(target)
            place += len(text)
    empty = torch.zeros(0, dtype=torch.int64)
    return PackedBatch(
        objective=objective,
        chunks=chunks,
        source_tokens=source_tokens,
        soft_source=torch.cat(soft_source) if soft_source else empty,
        soft_target=torch.cat(soft_target) if soft_target else empty,
        token_ids=torch.tensor(token_ids),
        token_target=torch.cat(token_target),
        label_source=torch.cat(label_source),
        labels=torch.tensor(labels),
        label_sample=torch.tensor(label_sample),
        sample_rates=torch.tensor([sample.rate for sample in samples]),
        shape=(len(samples), length),
        turns=turns if several else None,
        positions=positions if several else None,
    )


class SampleMaker:
    """Turns texts into samples of the two objectives (paper section 3.4: autoencoding, and KEFT)."""

    def __init__(self, data: TrainingData, config: ModelConfig) -> None:
        self.data = data
        self.config = config
        self.restore_ids = self._encode(config.restore_instruction)

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
        texts = [text for question, answer in item.turns for text in (template.replace("{question}", question), " " + answer)]
        ids = self.data.encode(texts)
        turns = [(prompt, [*answer, self.config.end_ids[0]]) for prompt, answer in zip(ids[0::2], ids[1::2])]
        return Sample([segment.ids for segment in segments], rate, turns)


def _weighted(draw: random.Random, weights: dict[int, float]) -> int:
    return draw.choices(list(weights), list(weights.values()))[0]


def draw_sample(objective: str, maker: SampleMaker, stage: Stage, draw: random.Random, tokens: int) -> Sample | None:
    rate = _weighted(draw, stage.rates)
    if objective == "qa":
        return maker.questions(maker.data.draw_questions(draw), rate)
    if maker.data.prose is None:
        raise ValueError("The autoencoding objective needs prose files in the configuration's data section.")
    return maker.autoencoding(maker.data.prose.draw(draw, tokens), tokens, rate)


def _batches(objective: str, maker: SampleMaker, stage: Stage, draw: random.Random, budget: int) -> Iterator[list[Sample]]:
    """Endless lists of samples whose padded decoder positions stay within the budget."""
    prefix = len(maker.config.prefix_ids)
    batches: list[list[Sample]] = [[]]
    while True:
        # The last list of the pool before is seldom full. It holds the longest samples, so it must not be dropped.
        pool = batches[-1]
        tokens = _weighted(draw, stage.lengths)
        # All windows of a pool have one length, so autoencoding has no need of a large one.
        missing = budget * (1 if objective == "autoencoding" else _POOL)
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


def step_batches(maker: SampleMaker, stage: Stage, seed: int) -> Iterator[list[PackedBatch]]:
    """Endless optimiser steps: one packed batch for each objective, sized by its share of the decoder tokens."""
    draw = random.Random(seed)
    total = sum(stage.objectives.values())
    streams = {
        objective: _batches(objective, maker, stage, draw, int(stage.decoder_tokens * share / total))
        for objective, share in stage.objectives.items()
        if share > 0
    }
    while True:
        yield [pack(next(stream), objective, maker.config.prefix_ids) for objective, stream in streams.items()]
