"""Texts as samples of token ids."""

from __future__ import annotations

from gmsa_training.config import ModelConfig
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.packing import Sample, pack
from gmsa_training.data.questions.source import Questions
from gmsa_training.data.segments import cut_segments
from gmsa_training.data.training_data import TrainingData


class SampleMaker:
    """Turns texts into samples of the two objectives (paper section 3.4: autoencoding, and KEFT)."""

    def __init__(self, data: TrainingData, config: ModelConfig) -> None:
        self.data = data
        self.config = config
        self.restore_ids = self._encode(config.restore_instruction)

    def pack(self, samples: list[Sample], objective: str, taught: bool = False) -> PackedBatch:
        return pack(samples, objective, self.config.prefix_ids, compressed=self.config.method != "full", taught=taught)

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
        answers = [self.config.refusal if answer is None else answer for _, answer in item.turns]
        asked = [template.replace("{question}", question) for question, _ in item.turns]
        texts = [text for question, answer in zip(asked, answers) for text in (question, " " + answer)]
        ids = self.data.encode(texts)
        turns = [(prompt, [*answer, self.config.end_ids[0]]) for prompt, answer in zip(ids[0::2], ids[1::2])]
        return Sample([segment.ids for segment in segments], rate, turns)
