"""A model folder (docs/formats/model-folder.md) on ONNX Runtime's CPU provider.

B batch, S segments, T tokens, M soft tokens, L positions of the longest sequence, H hidden size, V vocabulary."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import OrtValue
from transformers import PreTrainedTokenizerFast

from gmsa_training.config import exported_config
from gmsa_training.evaluation.inference import Best, DecoderInput, InferenceError, Runtime

Array = NDArray[np.floating]


def merge_padded(hidden_states: Array, lengths: list[int], rate: int) -> Array:
    """Group means of right-padded hidden states [S, T, H] with the segments' lengths: [S, M, H], padded alike. A
    ragged last group is averaged over its own tokens. Sums are in f32."""
    count, tokens, width = hidden_states.shape
    merged = np.zeros((count, -(-tokens // rate), width), np.float32)
    for row, length in enumerate(lengths):
        starts = np.arange(0, length, rate)
        sums = np.add.reduceat(hidden_states[row, :length].astype(np.float32), starts)
        merged[row, : len(starts)] = sums / np.minimum(rate, length - starts)[:, None]
    return merged.astype(hidden_states.dtype)


def _mask(lengths: list[int], longest: int) -> NDArray[np.int64]:
    return (np.arange(longest) < np.asarray(lengths)[:, None]).astype(np.int64)


@dataclass
class _Batch:
    """past: the cache. lengths: of the rows, without padding. width: positions of the cache."""

    past: dict[str, OrtValue]
    lengths: list[int]
    width: int = 0


class OnnxRuntime(Runtime):
    """dtype: `q4`, `fp32` or `q4f16`, as far as the folder has it."""

    max_positions = 8192

    def __init__(self, folder: str | Path, dtype: str = "q4") -> None:
        folder = Path(folder)
        self.config, description = exported_config(folder)
        self.tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        entries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["dtypes"]
        if dtype not in entries:
            raise InferenceError(f"{folder} has no dtype {dtype!r}; it has {sorted(entries)}.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))  # 0: a thread a core
        # Lets the weights of `fp32` be expanded once, while the session is created.
        options.add_session_config_entry("session.disable_quant_qdq", "1")

        def session(graph: str) -> onnxruntime.InferenceSession:
            return onnxruntime.InferenceSession(
                folder / entries[dtype][graph]["graph"], options, providers=["CPUExecutionProvider"]
            )

        self._embed, self._encoder, self._lsa, self._decoder = map(
            session, ("embed_tokens", "encoder_model", "lsa", "decoder_model_merged")
        )
        self._float = np.float16 if dtype == "q4f16" else np.float32
        self._past_names = [
            value.name for value in self._decoder.get_inputs() if value.name.startswith("past_key_values.")
        ]
        self._last_logits = {"logits_from": OrtValue.ortvalue_from_numpy(np.array([-1], np.int64))}
        self._outputs = ["logits", *(name.replace("past_key_values.", "present.") for name in self._past_names)]
        heads = description["num_key_value_heads"]
        width = description.get("head_dim") or description["hidden_size"] // description["num_attention_heads"]
        self._cache_shape = (heads, 0, width)

    def _embeds(self, ids: list[list[int]]) -> Array:
        """[B, L, H], zero rows of ids padded on the right."""
        padded = np.zeros((len(ids), max(map(len, ids))), np.int64)
        for row, one in enumerate(ids):
            padded[row, : len(one)] = one
        return self._embed.run(None, {"input_ids": padded})[0]

    def compress(self, segments: list[list[int]], rate: int) -> list[Array]:
        lengths = [len(ids) for ids in segments]
        embeds = self._embeds(segments)
        (hidden,) = self._encoder.run(
            None, {"inputs_embeds": embeds, "attention_mask": _mask(lengths, embeds.shape[1])}
        )
        merged = merge_padded(hidden, lengths, rate)
        counts = [-(-length // rate) for length in lengths]
        (soft,) = self._lsa.run(None, {"inputs_embeds": merged, "attention_mask": _mask(counts, merged.shape[1])})
        return [soft[row, :count] for row, count in enumerate(counts)]

    def _sequences(self, inputs: list[DecoderInput]) -> tuple[Array, list[int]]:
        """Input embeddings [B, L, H], padded on the right, and the length of each."""
        before, after = (self._embeds([getattr(one, name) or [0] for one in inputs]) for name in ("before", "after"))
        lengths = [len(one) for one in inputs]
        sequences = np.zeros((len(inputs), max(lengths), before.shape[-1]), self._float)
        for row, one in enumerate(inputs):
            parts = [before[row, : len(one.before)], *one.soft_tokens, after[row, : len(one.after)]]
            sequences[row, : lengths[row]] = np.concatenate(parts)
        return sequences, lengths

    def _logits(self, batch: _Batch, embeds: Array) -> Array:
        """Runs the decoder on [B, T, H], of which the lengths of the batch tell what is no padding. Gives logits [B, V].

        GroupQueryAttention takes the length of a row from the SUM of its mask, writes keys right behind it, and does
        not look beyond, so rows of different lengths can share a batch."""
        batch.width += embeds.shape[1]
        feeds = batch.past | self._last_logits | {
            "inputs_embeds": OrtValue.ortvalue_from_numpy(np.ascontiguousarray(embeds)),
            "attention_mask": OrtValue.ortvalue_from_numpy(_mask(batch.lengths, batch.width)),
        }
        logits, *present = self._decoder.run_with_ort_values(self._outputs, feeds)
        batch.past = dict(zip(self._past_names, present))
        return logits.numpy()[:, -1]

    def _best(self, batch: _Batch, embeds: Array) -> Best:
        """embeds [B, 1, H]: the next position of each row."""
        batch.lengths = [length + 1 for length in batch.lengths]
        logits = self._logits(batch, embeds)
        largest = np.partition(logits, -2)[:, -2:]
        return Best(logits.argmax(-1).tolist(), (largest[:, 1] - largest[:, 0]).tolist())

    def prefill(self, inputs: list[DecoderInput]) -> tuple[_Batch, Best]:
        sequences, lengths = self._sequences(inputs)
        if min(lengths) < 2:
            raise InferenceError("A sequence needs a prefix and a prompt.")
        empty = np.zeros((len(inputs), *self._cache_shape), self._float)
        past = {name: OrtValue.ortvalue_from_numpy(empty) for name in self._past_names}
        batch = _Batch(past, [length - 1 for length in lengths])
        # The graph gives logits of the last position only, which a shorter row has not reached there: all but the
        # last position of each row go first, and those last ones are a step of their own.
        self._logits(batch, sequences[:, :-1])
        last = sequences[np.arange(len(inputs)), np.asarray(lengths) - 1]
        return batch, self._best(batch, last[:, None])

    def step(self, batch: _Batch, rows: list[int], tokens: list[int]) -> Best:
        if len(rows) < len(batch.lengths):
            batch.past = {name: OrtValue.ortvalue_from_numpy(value.numpy()[rows]) for name, value in batch.past.items()}
            batch.lengths = [batch.lengths[row] for row in rows]
        return self._best(batch, self._embeds([[token] for token in tokens]))
