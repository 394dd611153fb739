"""A runtime that answers by a fixed rule and keeps what it was given, for tests of the evaluator."""

from __future__ import annotations

from gmsa_training.config import ModelConfig
from gmsa_training.data.evaluation_data import EvaluationQuestion
from gmsa_training.evaluation.inference import Generated, Runtime


class RecordingRuntime(Runtime):
    """Soft tokens are the first id of each group; every answer is what the decoder was given before the prompt."""

    max_positions = 10000

    def __init__(self, tokenizer, segment_length=64):
        self.config = ModelConfig(segment_length=segment_length, window=1024, end_ids=[2])
        self.tokenizer = tokenizer
        self.compressed, self.seen = [], []

    def compress(self, segments, rate):
        self.compressed += segments
        return [ids[::rate] for ids in segments]

    def generate(self, inputs):
        self.seen += inputs
        return [
            Generated(
                [*one.before[1:], *(token for soft in one.soft_tokens for token in soft)][: one.max_new_tokens], 1.0
            )
            for one in inputs
        ]


def question(number: int, context: str, *answers: str) -> EvaluationQuestion:
    return EvaluationQuestion(f"q{number}", f"What is {number}?", answers or ("none",), context)
