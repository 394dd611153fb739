"""A GMSA model in PyTorch, on CPU or GPU.

B batch, L positions of the longest sequence, H hidden size."""

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedTokenizerFast

from gmsa_training.evaluation.inference import Best, DecoderInput, Runtime
from gmsa_training.model.gmsa_model import GmsaModel

_PREFILL_POSITIONS = 1024  # a step of the prefill, so that no mask is larger than [B, 1, this, L]


@dataclass
class _Batch:
    """padding [B]: positions on the left of each row. length: of the rows, padding included."""

    cache: DynamicCache
    padding: Tensor
    length: int


class TorchRuntime(Runtime):
    """Keeps a copy of `model`, in `dtype`, on `device`."""

    def __init__(
        self,
        model: GmsaModel,
        tokenizer: PreTrainedTokenizerFast,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        # cuDNN's attention plans a graph for every new shape, and every generated token has one.
        torch.backends.cuda.enable_cudnn_sdp(False)
        self.config, self.tokenizer, self.device = model.config, tokenizer, torch.device(device)
        self.model = model.with_fixed_weights(self.device, dtype)
        self.max_positions = 131072 if self.device.type == "cuda" else 8192

    def _ids(self, ids: list[int]) -> Tensor:
        return torch.tensor(ids, dtype=torch.int64, device=self.device)

    @torch.inference_mode()
    def compress(self, segments: list[list[int]], rate: int) -> list[Tensor]:
        lengths = [len(ids) for ids in segments]
        tokens, groups = max(lengths), -(-max(lengths) // rate)
        padded = torch.tensor([ids + [0] * (tokens - len(ids)) for ids in segments])
        places = torch.arange(tokens).expand(len(segments), -1)
        numbers = torch.arange(len(segments)).unsqueeze(1) * groups + places // rate
        numbers = numbers.masked_fill(places >= torch.tensor(lengths).unsqueeze(1), len(segments) * groups)
        soft = self.model.compress(padded.to(self.device), numbers.to(self.device), groups)
        return [soft[row, : -(-length // rate)] for row, length in enumerate(lengths)]

    def _sequences(self, inputs: list[DecoderInput]) -> tuple[Tensor, Tensor]:
        """Input embeddings [B, L, H], padded on the LEFT, so that all rows end at the same place, and paddings [B]."""
        longest = max(len(one) for one in inputs)
        rows = []
        for one in inputs:
            embed = self.model.embed_tokens
            parts = [embed(self._ids(one.before)), *one.soft_tokens, embed(self._ids(one.after))]
            rows.append(torch.nn.functional.pad(torch.cat(parts), (0, 0, longest - len(one), 0)))
        return torch.stack(rows), self._ids([longest - len(one) for one in inputs])

    def _prefill(self, embeds: Tensor, padding: Tensor, cache: DynamicCache) -> Tensor:
        """Fills the cache from [B, L, H]; gives the output of the last position, [B, H]."""
        places = torch.arange(embeds.shape[1], device=self.device)
        for part, queries in zip(embeds.split(_PREFILL_POSITIONS, 1), places.split(_PREFILL_POSITIONS)):
            keys, own = places[: int(queries[-1]) + 1], queries.unsqueeze(1)
            # A padding position sees itself: a row of the mask without any key would give NaN.
            mask = (keys >= padding.view(-1, 1, 1)) & (keys <= own) | (keys == own)
            positions = (queries - padding.unsqueeze(1)).clamp(min=0)
            hidden = self.model.decoder(part, positions, mask.unsqueeze(1), cache)
        return hidden[:, -1]

    def _best(self, hidden: Tensor) -> Best:
        top = self.model.logits(hidden).float().topk(2)
        return Best(top.indices[:, 0].tolist(), (top.values[:, 0] - top.values[:, 1]).tolist())

    @torch.inference_mode()
    def prefill(self, inputs: list[DecoderInput]) -> tuple[_Batch, Best]:
        embeds, padding = self._sequences(inputs)
        batch = _Batch(DynamicCache(), padding, embeds.shape[1])
        return batch, self._best(self._prefill(embeds, padding, batch.cache))

    @torch.inference_mode()
    def step(self, batch: _Batch, rows: list[int], tokens: list[int]) -> Best:
        if len(rows) < len(batch.padding):
            kept = self._ids(rows)
            batch.cache.batch_select_indices(kept)
            batch.padding = batch.padding[kept]
        positions = (batch.length - batch.padding).unsqueeze(1)
        batch.length += 1
        mask = (torch.arange(batch.length, device=self.device) >= batch.padding.view(-1, 1, 1)).unsqueeze(1)
        embeds = self.model.embed_tokens(self._ids(tokens).unsqueeze(1))
        return self._best(self.model.decoder(embeds, positions, mask, batch.cache)[:, -1])
