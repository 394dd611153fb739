"""Texts as samples of token ids, for each objective."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from gmsa_training.config import ModelConfig
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.packing import Sample, pack
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN, Questions
from gmsa_training.data.segments import cut_segments
from gmsa_training.data.training_data import TrainingData

_TRIES = 8  # for a quote
_SPARE = 1.5  # more characters are tokenised than so many tokens usually have
_WORD = re.compile(r"\S+")


class SampleMaker:
    """Turns texts into samples: autoencoding and questions (paper section 3.4, the latter as KEFT), continuation, recall
    and asking."""

    def __init__(self, data: TrainingData, config: ModelConfig) -> None:
        self.data = data
        self.config = config
        self.restore_ids = self._encode(config.restore_instruction)

    def pack(self, samples: list[Sample], objective: str, taught: int = 0) -> PackedBatch:
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
        segments = self._segments("\n\n".join(item.passages))
        template = self.config.question_template
        answers = [self.config.refusal if answer is None else answer for _, answer in item.turns]
        asked = [template.replace("{question}", question) for question, _ in item.turns]
        return Sample(segments, rate, self._turns(asked, answers))

    def asking(self, item: Questions, rate: int) -> Sample | None:
        """Asks the question that has a given answer; None if no question of the item has one."""
        template = self.data.config.asking.template
        known = [(question, answer) for question, answer in item.turns if answer is not None]
        if not known:
            return None
        prompts = [template.replace("{answer}", answer) for _, answer in known]
        turns = self._turns(prompts, [question for question, _ in known])
        return Sample(self._segments("\n\n".join(item.passages)), rate, turns)

    def _turns(self, prompts: Sequence[str], targets: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """Prompt and target of each turn, the target ended."""
        ids = self.data.encode([text for prompt, target in zip(prompts, targets) for text in (prompt, " " + target)])
        return [(prompt, [*target, self.config.end_ids[0]]) for prompt, target in zip(ids[0::2], ids[1::2])]

    def _segments(self, text: str) -> list[list[int]]:
        return [segment.ids for segment in cut_segments(text, self.data.encode, self.config.segment_length)]

    def continuation_characters(self, tokens: int) -> int:
        """How much text a continuation of so many tokens takes, with what follows it."""
        config = self.data.config.continuation
        return int((tokens + _SPARE * (config.prompt + config.longest)) * CHARACTERS_PER_TOKEN)

    def continuation(self, text: str, rate: int, draw: random.Random) -> Sample | None:
        """Writes on where the text was cut; the end may be anywhere, so the target has no end token."""
        config = self.data.config.continuation
        count = config.prompt + draw.randint(config.shortest, config.longest)
        cut = text.rfind(" ", 1, max(1, len(text) - min(int(count * CHARACTERS_PER_TOKEN * _SPARE), len(text) // 2)))
        if cut <= 0:
            return None
        ids = self._encode(text[cut:])[:count]
        if len(ids) < config.prompt + config.shortest:
            return None
        return Sample(self._segments(text[:cut]), rate, [(ids[: config.prompt], ids[config.prompt :])])

    def recall(self, text: str, rate: int, draw: random.Random) -> Sample | None:
        """Goes on after quotes of the text, each of which occurs in it once."""
        config = self.data.config.recall
        words = list(_WORD.finditer(text))
        prompts, targets, counts = [], [], []
        for _ in range(_TRIES * config.quotes):
            length = draw.randint(*config.words)
            if len(prompts) == config.quotes or len(words) < length + config.tokens[0]:
                break
            first = draw.randrange(len(words) - length - config.tokens[0] + 1)
            start, end = words[first].start(), words[first + length - 1].end()
            quote = text[start:end]
            if "\n" in quote or text.count(quote) > 1:
                continue
            count = draw.randint(*config.tokens)
            prompts.append(config.template.replace("{quote}", quote))
            targets.append(text[end : end + int((count + 8) * CHARACTERS_PER_TOKEN * _SPARE)])
            counts.append(count)
        if not prompts:
            return None
        ids = self.data.encode([*prompts, *targets])
        turns = [(prompt, target[:count]) for prompt, target, count in zip(ids, ids[len(prompts) :], counts)]
        return Sample(self._segments(text), rate, turns)
