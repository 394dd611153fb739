"""A batch as tensors. S segments, T tokens of the longest segment, M soft tokens of the longest segment, B sequences of
the decoder, L its longest length."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


def _mapped(record: Any, change: Callable[[Any], Any]) -> Any:
    """Nested data classes and lists with every leaf changed."""
    if isinstance(record, (list, tuple)):
        return type(record)(_mapped(item, change) for item in record)
    if dataclasses.is_dataclass(record):
        return type(record)(**{name: _mapped(value, change) for name, value in vars(record).items()})
    return change(record)


@dataclass
class SegmentChunk:
    """Segments of similar length, padded together.

    segment_ids [S, T]: token ids, right padded with 0. groups [S, T]: which of the chunk's S * M soft tokens a token is
    merged into; S * M for padding. soft_length: M.
    """

    segment_ids: Tensor
    groups: Tensor
    soft_length: int


@dataclass
class TurnMask:
    """Attention of rows with several turns: causal, but for T positions a row.

    places int64 [B, T]: these positions, those of the turns, filled up with the last position, which is padding in
    every row. visible bool [B, 1, T, L]: which keys they see."""

    places: Tensor
    visible: Tensor


@dataclass
class Tokens:
    """Some of the decoder's positions, in the order of samples. places int64 [K]: in its B * L positions.
    sample int64 [K]: the sequence that each belongs to."""

    places: Tensor
    sample: Tensor


@dataclass
class Uncompressed:
    """The rows of a batch that a teacher can read, with the context's own tokens.

    batches: of rows of similar length. labels [P], turn_tokens [K]: which of the batch's labels and turn tokens belong to
    these rows, in the order of `batches`."""

    batches: list[PackedBatch]
    labels: Tensor
    turn_tokens: Tensor


@dataclass
class PackedBatch:
    """One batch, packed by `packing.py`. All index tensors are int64.

    chunks: the segments; their soft tokens are numbered through all chunks, in order.
    soft_source [N], soft_target [N]: soft token number -> place in the decoder's B * L positions.
    token_ids [K], token_target [K]: tokens of prefix, prompt and target (and of the context, where it is not
    compressed), and their places.
    label_source [Q], labels [Q]: positions whose output predicts a label, and the labels.
    label_sample [Q]: which sequence a label belongs to. sample_rates [B]. source_tokens: without padding.
    turns, positions [B, L], turn_places [B, T], where a row has several turns: the turn of each position (0: context,
    -1: padding), its place in the sequence that this turn would make with the context alone, and see TurnMask.
    turn_tokens: where the tokens of the turns stand.
    uncompressed: what a teacher reads; None where there is none, or where it can read no row.
    """

    objective: str
    chunks: list[SegmentChunk]
    source_tokens: int
    soft_source: Tensor
    soft_target: Tensor
    token_ids: Tensor
    token_target: Tensor
    label_source: Tensor
    labels: Tensor
    label_sample: Tensor
    sample_rates: Tensor
    turn_tokens: Tokens
    shape: tuple[int, int]
    turns: Tensor | None = None
    positions: Tensor | None = None
    turn_places: Tensor | None = None
    uncompressed: Uncompressed | None = None

    def turn_mask(self) -> TurnMask | None:
        """Causal, and blind to other turns; None where causal attention suffices."""
        if self.turns is None or self.turn_places is None:
            return None
        query, key = self.turns.gather(1, self.turn_places).unsqueeze(2), self.turns.unsqueeze(1)
        causal = torch.arange(self.shape[1], device=key.device) <= self.turn_places.unsqueeze(2)
        return TurnMask(self.turn_places, ((key == 0) | ((key == query) & causal)).unsqueeze(1))

    def to(self, device: torch.device | str) -> PackedBatch:
        return _mapped(self, lambda leaf: leaf.to(device) if isinstance(leaf, Tensor) else leaf)


class _Place:
    """Where a tensor lies in a flat one."""

    def __init__(self, start: int, shape: torch.Size) -> None:
        self.start, self.shape = start, shape


class FlatBatches:
    """Batches whose tensors are one flat int32 tensor: what crosses processes, and then to the device in one copy."""

    def __init__(self, data: Tensor, structure: list[PackedBatch]) -> None:
        """structure: batches with a _Place for each tensor."""
        self.data, self.structure = data, structure

    @classmethod
    def of(cls, batches: list[PackedBatch]) -> FlatBatches:
        found: list[Tensor] = []
        size = 0

        def place(leaf: Any) -> Any:
            nonlocal size
            if not isinstance(leaf, Tensor):
                return leaf
            found.append(leaf.reshape(-1).to(torch.int32))
            size += leaf.numel()
            return _Place(size - leaf.numel(), leaf.shape)

        structure = _mapped(batches, place)
        return cls(torch.cat(found), structure)

    def pin_memory(self) -> FlatBatches:
        """Called by the data loader, so that the copy to the device need not be waited for."""
        return FlatBatches(self.data.pin_memory(), self.structure)

    def to(self, device: torch.device | str) -> list[PackedBatch]:
        data = self.data.to(device, non_blocking=True).to(torch.int64)  # indices must be int64

        def view(leaf: Any) -> Any:
            if not isinstance(leaf, _Place):
                return leaf
            return data[leaf.start : leaf.start + leaf.shape.numel()].view(leaf.shape)

        return _mapped(self.structure, view)
