"""Packing of samples into padded tensors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from gmsa_training.data.packed_batch import PackedBatch, SegmentChunk, Tokens, Uncompressed

_SHORT = 256  # tokens; shorter segments are padded to each other, so that few tokens are padding
_UNCOMPRESSED_POSITIONS = 65536  # of one forward pass of a teacher


@dataclass
class Sample:
    """One row of the decoder: its segments (token ids), the rate they are merged at, and the turns that follow the
    soft tokens, each a prompt and its target. A turn sees the context and itself, so it is trained as if alone."""

    segments: list[list[int]]
    rate: int
    turns: list[tuple[list[int], list[int]]]
    # Tokens behind the soft tokens that all turns see: a text that is quoted as a whole.
    shared: list[int] = field(default_factory=list)

    def source_tokens(self) -> int:
        return sum(map(len, self.segments))

    def soft_tokens(self) -> int:
        return sum(-(-len(segment) // self.rate) for segment in self.segments)

    def turn_tokens(self) -> int:
        return sum(len(prompt) + len(target) - 1 for prompt, target in self.turns)

    def decoder_length(self, prefix: int) -> int:
        return prefix + self.soft_tokens() + len(self.shared) + self.turn_tokens()


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def _chunks(samples: list[Sample], rounding: int) -> tuple[list[SegmentChunk], dict[tuple[int, int], int]]:
    """The segments in chunks of similar length, and the number of each segment's first soft token, by sample and
    place in the sample."""
    segments = [(row, number, segment) for row, sample in enumerate(samples) for number, segment in enumerate(sample.segments)]
    chunks: list[SegmentChunk] = []
    first_soft: dict[tuple[int, int], int] = {}
    offset = 0
    for short in (True, False):
        chosen = [item for item in segments if (len(item[2]) <= _SHORT) == short]
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


def pack(
    samples: list[Sample],
    objective: str,
    prefix_ids: list[int],
    rounding: int = 32,
    *,
    compressed: bool = True,
    taught: int = 0,
) -> PackedBatch:
    """Packs samples into one batch. The last target token is a label only, never an input. Lengths are rounded up to
    a multiple of `rounding`, so that there are few shapes, and those that attention kernels like.

    compressed: whether soft tokens stand for the context; otherwise its own tokens do, and samples must have rate 1.
    taught: adds the rows with the context's own tokens, for a teacher that reads so many positions; 0: no teacher.
    """
    assert compressed or all(sample.rate == 1 for sample in samples)
    several = any(len(sample.turns) > 1 for sample in samples)
    # With several turns the last position of every row is padding (TurnMask).
    length = _round_up(max(sample.decoder_length(len(prefix_ids)) for sample in samples) + several, rounding)
    chunks, first_soft = _chunks(samples, rounding) if compressed else ([], {})
    turns = torch.full((len(samples), length), -1)
    positions = torch.zeros(len(samples), length, dtype=torch.int64)
    turn_places = torch.full((len(samples), _round_up(max(sample.turn_tokens() for sample in samples), 8)), length - 1)
    soft_source: list[Tensor] = []
    soft_target: list[Tensor] = []
    token_ids: list[int] = []
    token_target: list[Tensor] = []
    label_source: list[Tensor] = []
    labels: list[int] = []
    label_sample: list[int] = []
    turn_tokens: list[Tensor] = []
    for row, sample in enumerate(samples):
        place = row * length

        def put(ids: list[int]) -> None:
            nonlocal place
            token_ids.extend(ids)
            token_target.append(torch.arange(place, place + len(ids)))
            place += len(ids)

        put(prefix_ids)
        for number, segment in enumerate(sample.segments):
            if not compressed:
                put(segment)
                continue
            merged = -(-len(segment) // sample.rate)
            soft_source.append(torch.arange(first_soft[row, number], first_soft[row, number] + merged))
            soft_target.append(torch.arange(place, place + merged))
            place += merged
        put(sample.shared)
        seen = place - row * length
        turns[row, :seen] = 0
        positions[row, :seen] = torch.arange(seen)
        own_places = torch.arange(seen, seen + sample.turn_tokens())
        turn_places[row, : sample.turn_tokens()] = own_places
        turn_tokens.append(row * length + own_places)
        for number, (prompt, target) in enumerate(sample.turns, start=1):
            start = place - row * length
            first_label = place + len(prompt) - 1
            put(prompt + target[:-1])
            end = place - row * length
            turns[row, start:end] = number
            positions[row, start:end] = seen + torch.arange(end - start)
            label_source.append(torch.arange(first_label, first_label + len(target)))
            labels += target
            label_sample += [row] * len(target)
    empty = torch.zeros(0, dtype=torch.int64)
    batch = PackedBatch(
        objective=objective,
        chunks=chunks,
        source_tokens=sum(sample.source_tokens() for sample in samples),
        soft_source=torch.cat(soft_source) if soft_source else empty,
        soft_target=torch.cat(soft_target) if soft_target else empty,
        token_ids=torch.tensor(token_ids),
        token_target=torch.cat(token_target),
        label_source=torch.cat(label_source),
        labels=torch.tensor(labels),
        label_sample=torch.tensor(label_sample),
        sample_rates=torch.tensor([sample.rate for sample in samples]),
        turn_tokens=_tokens(turn_tokens),
        shape=(len(samples), length),
        turns=turns if several else None,
        positions=positions if several else None,
        turn_places=turn_places if several else None,
    )
    if taught:
        batch.uncompressed = _uncompressed(samples, batch, prefix_ids, rounding, taught)
    return batch


def _tokens(places: list[Tensor]) -> Tokens:
    """places: of each row."""
    return Tokens(torch.cat(places), torch.arange(len(places)).repeat_interleave(torch.tensor([len(one) for one in places])))


def _of_rows(row_of: Tensor, rows: list[int]) -> Tensor:
    """The numbers of all items that belong to the rows, row after row. row_of: of each item its row, in ascending order."""
    items = torch.arange(len(row_of)).split(torch.bincount(row_of, minlength=max(rows) + 1).tolist())
    return torch.cat([items[row] for row in rows])


def _uncompressed(
    samples: list[Sample], batch: PackedBatch, prefix_ids: list[int], rounding: int, window: int
) -> Uncompressed | None:
    """What a teacher with this window reads: rows of one batch may differ in length by the ratio of their rates."""
    plain = [replace(sample, rate=1) for sample in samples]
    lengths = [sample.decoder_length(len(prefix_ids)) for sample in plain]
    parts: list[list[int]] = [[]]
    for row in sorted(range(len(plain)), key=lengths.__getitem__):
        if lengths[row] > window:
            break
        if part := parts[-1]:
            if lengths[row] > 1.5 * lengths[part[0]] + 64 or (len(part) + 1) * lengths[row] > _UNCOMPRESSED_POSITIONS:
                parts.append([])
        parts[-1].append(row)
    rows = [row for part in parts for row in part]
    if not rows:
        return None
    return Uncompressed(
        [pack([plain[row] for row in part], batch.objective, prefix_ids, rounding, compressed=False) for part in parts],
        _of_rows(batch.label_sample, rows),
        _of_rows(batch.turn_tokens.sample, rows),
    )
