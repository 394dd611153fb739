"""A model folder (docs/formats/model-folder.md) on ONNX Runtime's CPU provider.

B batch, S segments, T tokens, M soft tokens, L positions of the longest sequence, H hidden size, V vocabulary."""

import json
import os
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from gmsa_training.config import ModelConfig
from gmsa_training.evaluation.inference import DecoderInput, Generated, InferenceError, Runtime

Array = NDArray[np.floating]


def merge_padded(hidden_states: Array, lengths: list[int], rate: int) -> Array:
    """Group means of right-padded hidden states [S, T, H] with the segments' lengths: [S, M, H], padded alike. A
    ragged last group is averaged over its own tokens. Sums are in f32."""
    count, tokens, width = hidden_states.shape
    groups = -(-tokens // rate)
    padded = np.zeros((count, groups * rate, width), np.float32)
    seen = np.zeros((count, groups * rate, 1), np.float32)
    for row, length in enumerate(lengths):
        padded[row, :length] = hidden_states[row, :length]
        seen[row, :length] = 1
    shape = (count, groups, rate, -1)
    means = padded.reshape(shape).sum(2) / np.maximum(seen.reshape(shape).sum(2), 1)
    return means.astype(hidden_states.dtype)


def _mask(lengths: list[int], longest: int) -> NDArray[np.int64]:
    return (np.arange(longest) < np.asarray(lengths)[:, None]).astype(np.int64)


def read_config(folder: Path) -> tuple[ModelConfig, dict]:
    """The `gmsa` block of config.json as a model configuration, and all of config.json."""
    path = folder / "config.json"
    if not path.is_file():
        raise InferenceError(f"{folder} is not a model folder: it has no config.json.")
    description = json.loads(path.read_text(encoding="utf-8"))
    block = description.get("gmsa", {})
    if block.get("format") != 1:
        raise InferenceError(f"{path} has no `gmsa` block of format 1.")
    fields = {"refusal": ""} | {key: value for key, value in block.items() if key in ModelConfig.model_fields}
    return ModelConfig(**fields), description


class OnnxRuntime(Runtime):
    """dtype: `q4`, `fp32` or `q4f16`, as far as the folder has it."""

    max_positions = 8192

    def __init__(self, folder: str | Path, dtype: str = "q4") -> None:
        folder = Path(folder)
        self.config, description = read_config(folder)
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
        # Folders from before logits of more than the last position could be had lack the input.
        inputs = {value.name for value in self._decoder.get_inputs()}
        last = np.array([-1], np.int64)
        self._last_logits = {"logits_from": onnxruntime.OrtValue.ortvalue_from_numpy(last)} if "logits_from" in inputs else {}
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

    def _step(self, embeds: Array, lengths: list[int], longest: int, past: dict) -> tuple[Array, dict]:
        """Runs the decoder on [B, T, H]; lengths: positions of each row, these included. Gives logits [B, V].

        GroupQueryAttention takes the length of a row from the SUM of its mask, writes keys right behind it, and does
        not look beyond, so rows of different lengths can share a batch."""
        feeds = past | self._last_logits | {
            "inputs_embeds": onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(embeds)),
            "attention_mask": onnxruntime.OrtValue.ortvalue_from_numpy(_mask(lengths, longest)),
        }
        logits, *present = self._decoder.run_with_ort_values(self._outputs, feeds)
        return logits.numpy()[:, -1], dict(zip(self._past_names, present))

    def generate(self, inputs: list[DecoderInput]) -> list[Generated]:
        sequences, lengths = self._sequences(inputs)
        if min(lengths) < 2:
            raise InferenceError("A sequence needs a prefix and a prompt.")
        tokens: list[list[int]] = [[] for _ in inputs]
        margins = [float("inf")] * len(inputs)
        empty = np.zeros((len(inputs), *self._cache_shape), self._float)
        past = {name: onnxruntime.OrtValue.ortvalue_from_numpy(empty) for name in self._past_names}
        # The graph gives logits of the last position only, which a shorter row has not reached there: all but the
        # last position of each row go first, and those last ones are a step of their own.
        longest = max(lengths)
        _, past = self._step(sequences[:, : longest - 1], [length - 1 for length in lengths], longest - 1, past)
        embeds = sequences[np.arange(len(inputs)), np.asarray(lengths) - 1][:, None]
        alive = list(range(len(inputs)))  # the rows of the batch
        running = set(alive)
        while True:
            logits, past = self._step(embeds, lengths, longest, past)
            top = np.argpartition(logits, -2)[:, -2:]
            gaps = np.abs(np.diff(np.take_along_axis(logits, top, 1)))[:, 0]
            best = logits.argmax(-1)
            for row, index in enumerate(alive):
                if index not in running:
                    continue
                margins[index] = min(margins[index], float(gaps[row]))
                if best[row] in self.config.end_ids:
                    running.remove(index)
                    continue
                tokens[index].append(int(best[row]))
                if len(tokens[index]) == inputs[index].max_new_tokens:
                    running.remove(index)
            if not running:
                return [Generated(ids, margin) for ids, margin in zip(tokens, margins)]
            lengths = [length + 1 for length in lengths]
            if 2 * len(running) <= len(alive):
                rows = [row for row, index in enumerate(alive) if index in running]
                past = {
                    name: onnxruntime.OrtValue.ortvalue_from_numpy(value.numpy()[rows]) for name, value in past.items()
                }
                alive, lengths, best = [alive[row] for row in rows], [lengths[row] for row in rows], best[rows]
            longest += 1
            embeds = self._embeds([[int(token)] for token in best])
