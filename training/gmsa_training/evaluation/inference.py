"""Compressing, asking and restoring with a GMSA model in Python, over either of two runtimes: the exported graphs on
ONNX Runtime (`onnx_runtime.py`) or the model in PyTorch (`torch_runtime.py`). Everything is greedy and batched.

The decoder's inputs are those of docs/formats/model-folder.md."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerFast

from gmsa_training.config import ModelConfig
from gmsa_training.data.readings import reader_text, with_history
from gmsa_training.data.segments import Segment, cut_segments, normalise

MAX_ANSWER_TOKENS = 32
_RESTORE_SLACK = 16  # tokens that a restored segment may be longer than the segment
# What a model that was not trained on our template is told, in the user's turn of its chat template.
CHAT_CONTEXT = "{context}\n\nAnswer the question about the text above in as few words as possible.\nQuestion: {question}"
CHAT_CLOSED = "Answer the question in as few words as possible.\nQuestion: {question}"


class InferenceError(ValueError):
    """An input that the model cannot take: a rate it was not trained for, or a text over its window."""


@dataclass(frozen=True)
class DecoderInput:
    """One sequence: token ids, soft tokens (one array [M, H] of the runtime's own kind a segment), token ids."""

    before: list[int]
    soft_tokens: list[Any]
    after: list[int]
    max_new_tokens: int

    def __len__(self) -> int:
        return len(self.before) + sum(len(one) for one in self.soft_tokens) + len(self.after)


@dataclass(frozen=True)
class Generated:
    """Greedy tokens without the end token. margin: the smallest gap between the two largest logits of any step, the
    step of the end token included; a backend that rounds by less than half of it gives the same tokens."""

    token_ids: list[int]
    margin: float


@dataclass(frozen=True)
class Best:
    """The token with the largest logit in each row of a batch, and the gap to the second largest."""

    tokens: list[int]
    gaps: list[float]


class Runtime:
    """The four networks of one model."""

    config: ModelConfig
    tokenizer: PreTrainedTokenizerFast
    # Padded positions of a batch, which bound its memory.
    max_positions: int

    def compress(self, segments: list[list[int]], rate: int) -> list[Any]:
        """Soft tokens [ceil(T / rate), H] of each segment of token ids; one padded batch."""
        raise NotImplementedError

    def prefill(self, inputs: list[DecoderInput]) -> tuple[Any, Best]:
        """The batch, of the runtime's own kind, and the first tokens."""
        raise NotImplementedError

    def step(self, batch: Any, rows: list[int], tokens: list[int]) -> Best:
        """Keeps these rows of the batch alone, adds a token to each, and gives the next ones."""
        raise NotImplementedError

    def generate(self, inputs: list[DecoderInput]) -> list[Generated]:
        """Continues each sequence until an end token or its `max_new_tokens`; one padded batch."""
        tokens: list[list[int]] = [[] for _ in inputs]
        margins = [float("inf")] * len(inputs)
        alive = list(range(len(inputs)))  # the rows of the batch
        running = set(alive)
        batch, best = self.prefill(inputs)
        while True:
            for index, token, gap in zip(alive, best.tokens, best.gaps):
                if index not in running:
                    continue
                margins[index] = min(margins[index], gap)
                if token not in self.config.end_ids:
                    tokens[index].append(token)
                if token in self.config.end_ids or len(tokens[index]) == inputs[index].max_new_tokens:
                    running.remove(index)
            if not running:
                return [Generated(ids, margin) for ids, margin in zip(tokens, margins)]
            rows = list(range(len(alive)))
            if 2 * len(running) <= len(alive):
                rows = [row for row in rows if alive[row] in running]
                alive = [alive[row] for row in rows]
            best = self.step(batch, rows, [best.tokens[row] for row in rows])


def batches_by_length(lengths: Sequence[int], rows: int, positions: int) -> Iterator[list[int]]:
    """Indices in batches of similar length, the longest first: at most `rows` a batch, and at most `positions` when
    padded to its longest (a single row may be over)."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) == rows or (len(batch) + 1) * lengths[batch[0]] > positions):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


class Gmsa:
    """Texts in, texts out."""

    def __init__(self, runtime: Runtime, batch_size: int) -> None:
        self.runtime, self.config, self.batch_size = runtime, runtime.config, batch_size

    def encode(self, texts: list[str], plain: bool = True) -> list[list[int]]:
        """Token ids without special tokens around them. plain: what looks like a special token is text."""
        backend = self.runtime.tokenizer.backend_tokenizer
        backend.encode_special_tokens = plain  # a text is data: "<|im_end|>" in one must not end a turn
        return [found.ids for found in backend.encode_batch(texts, add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        return self.runtime.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def segments(self, text: str) -> list[Segment]:
        return cut_segments(reader_text(text), self.encode, self.config.segment_length)

    def check_rate(self, rate: int) -> None:
        """Raises InferenceError unless the model compresses at a rate."""
        if self.config.method == "full":
            raise InferenceError("The model reads the context's own tokens and compresses nothing; use --mode full.")
        if rate not in self.config.rates:
            raise InferenceError(f"The model was not trained for rate {rate}; its rates are {self.config.rates}.")

    def _in_batches(self, run: Callable[[list[Any]], list[Any]], items: Sequence[Any], lengths: Sequence[int]) -> list[Any]:
        found: list[Any] = [None] * len(items)
        for batch in batches_by_length(lengths, self.batch_size, self.runtime.max_positions):
            for index, result in zip(batch, run([items[i] for i in batch]), strict=True):
                found[index] = result
        return found

    def compress(self, segments: list[list[int]], rate: int) -> list[Any]:
        """Soft tokens of each segment."""
        self.check_rate(rate)
        return self._in_batches(lambda batch: self.runtime.compress(batch, rate), segments, [len(ids) for ids in segments])

    def question_input(
        self,
        question: str,
        soft_tokens: Sequence[Any] = (),
        context_ids: Sequence[int] = (),
        max_new_tokens: int = MAX_ANSWER_TOKENS,
        quotes: str = "",
    ) -> DecoderInput:
        """Asks about soft tokens, quotes, or a context's own tokens (the original prompt), or, with none, nothing."""
        quoted = self.config.quote_template.replace("{quotes}", quotes) if quotes else ""
        (prompt,) = self.encode([quoted + with_history(self.config.question_template, reader_text(question))])
        return DecoderInput([*self.config.prefix_ids, *context_ids], list(soft_tokens), prompt, max_new_tokens)

    def chat_input(self, question: str, context_ids: Sequence[int] | None) -> DecoderInput:
        """Asks through the tokenizer's chat template: the original prompt, or, with None, the question alone."""
        if not self.runtime.tokenizer.chat_template:
            raise InferenceError("The tokenizer has no chat template.")
        place = "\ue000"  # of the context, whose tokens are given
        content = CHAT_CLOSED if context_ids is None else CHAT_CONTEXT.replace("{context}", place)
        message = {"role": "user", "content": content.replace("{question}", normalise(question))}
        prompt = self.runtime.tokenizer.apply_chat_template([message], tokenize=False, add_generation_prompt=True)
        head, _, tail = prompt.partition(place) if context_ids is not None else ("", "", prompt)
        before, after = self.encode([head, tail], plain=False)
        return DecoderInput([*before, *(context_ids or ())], [], after, MAX_ANSWER_TOKENS)

    def restore_input(self, soft_tokens: Any, tokens: int) -> DecoderInput:
        """Restores one segment that had so many tokens."""
        (instruction,) = self.encode([self.config.restore_instruction])
        return DecoderInput(list(self.config.prefix_ids), [soft_tokens], instruction, tokens + _RESTORE_SLACK)

    def generate(self, inputs: list[DecoderInput]) -> list[Generated]:
        lengths = [len(one) + one.max_new_tokens for one in inputs]
        for one, length in zip(inputs, lengths):
            if length > self.config.window:
                raise InferenceError(
                    f"A sequence of {len(one)} positions and up to {one.max_new_tokens} new tokens is over the window "
                    f"of {self.config.window}; use a higher rate or a shorter text."
                )
        return self._in_batches(self.runtime.generate, inputs, lengths)
