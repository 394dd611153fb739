"""What the decoder reads in the place of a context, by mode:

    gmsa       its soft tokens
    full       its own tokens (the original prompt)
    closed     nothing
    truncated  its first tokens, as many as it has soft tokens at the rate
    bm25       sentences that BM25 selects by the question, up to as many tokens
    quotes, both, whole   as of `gmsa_training.data.readings`: quotes, soft tokens and quotes, a text as it stands
    auto       a short text whole; of another the quotes, and where they give a refusal, both"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from gmsa_training.data.evaluation_data import EvaluationQuestion
from gmsa_training.data.readings import Quotable, reader_text
from gmsa_training.evaluation.hard_compression import SentenceIndex, soft_token_count
from gmsa_training.evaluation.inference import DecoderInput, Gmsa

QUOTING_MODES = ("quotes", "both", "whole", "auto")
MODES = ("gmsa", "full", "closed", "truncated", "bm25", *QUOTING_MODES)


@dataclass(frozen=True)
class Reading:
    """A decoder's input; tokens: of the context; read: of what stands in its place."""

    input: DecoderInput
    tokens: int
    read: int


@dataclass(frozen=True)
class Reader:
    """chat: through the chat template of the tokenizer instead of the model's own template; not for soft tokens."""

    gmsa: Gmsa
    mode: str
    rate: int
    chat: bool = False
    quoted: int = 0  # tokens of quotes, at most

    def read(
        self, questions: list[EvaluationQuestion], on_progress: Callable[[int, int], None] | None = None
    ) -> list[Reading]:
        """on_progress(done, total): segments that are compressed. A context of several questions is compressed once."""
        if self.mode == "closed":
            return [Reading(self._input(one.question, (), None), 0, 0) for one in questions]
        segments = self.gmsa.cut(one.context for one in questions)
        if self.mode in ("quotes", "whole"):
            return [self._reading(one, self._quotes(one), segments[one.context]) for one in questions]
        if self.mode in ("gmsa", "both"):
            flat = [ids for one in segments.values() for ids in one]
            compressed = iter(self.gmsa.compress(flat, self.rate, on_progress))
            soft = {text: [next(compressed) for _ in one] for text, one in segments.items()}
            if self.mode == "both":
                return [self._reading(one, self._quotes(one), segments[one.context], soft[one.context]) for one in questions]
            return [
                Reading(self._input(one.question, soft[one.context], []), *self._counts(segments[one.context]))
                for one in questions
            ]
        indices: dict[str, SentenceIndex] = {}
        found = []
        for one in questions:
            whole = [token for ids in segments[one.context] for token in ids]
            ids = whole
            budget = soft_token_count(segments[one.context], self.rate)
            if self.mode == "truncated":
                ids = whole[:budget]
            elif self.mode == "bm25":
                index = indices.get(one.context) or SentenceIndex(one.context, self.gmsa.encode)
                indices[one.context] = index
                ids = index.select(one.question, budget)
            found.append(Reading(self._input(one.question, (), ids), len(whole), len(ids)))
        return found

    def is_short(self, one: EvaluationQuestion) -> bool:
        """Whether the text is read whole."""
        return len(self.gmsa.encode([reader_text(one.context)])[0]) <= self.gmsa.config.whole_text_tokens

    def _quotes(self, one: EvaluationQuestion) -> str:
        context = reader_text(one.context)
        if self.mode == "whole":
            return context.rstrip()
        return Quotable(context, self.gmsa.encode).quotes(reader_text(one.question), self.quoted)

    def _reading(
        self, one: EvaluationQuestion, quotes: str, segments: list[list[int]], soft: Sequence[Any] = ()
    ) -> Reading:
        made = self.gmsa.question_input(one.question, soft, quotes=quotes)
        tokens, softs = self._counts(segments)
        quoted = len(self.gmsa.encode([quotes])[0]) if quotes else 0
        return Reading(made, tokens, quoted + (softs if soft else 0))

    def _counts(self, segments: list[list[int]]) -> tuple[int, int]:
        return sum(map(len, segments)), soft_token_count(segments, self.rate)

    def _input(self, question: str, soft: Any, ids: list[int] | None) -> DecoderInput:
        if self.chat:
            return self.gmsa.chat_input(question, ids)
        return self.gmsa.question_input(question, soft, ids or ())
