"""Training samples: what the decoder reads in one row, and what it is trained to write.

Every objective is a way to compose a sample from a context, prompts and targets (`SampleMaker.compose`). A new objective is
a method of SampleMaker, its name in `config.Objective`, and a line in `batches.draw_sample`."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from gmsa_training.config import ModelConfig
from gmsa_training.data.packed_batch import PackedBatch
from gmsa_training.data.packing import Sample, pack
from gmsa_training.data.evaluation_data import PASSAGE_BREAK
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN, Questions, weighted
from gmsa_training.data.readings import Quotable, holds, reader_text, search_words, with_history
from gmsa_training.data.segments import cut_segments
from gmsa_training.data.training_data import TrainingData

ASKING_TEMPLATE = "\n\nAnswer: {answer}\nQuestion:"
RECALL_TEMPLATE = "\n\nContinue: {quote}"
RECALL_QUOTES = 4  # of a context, at most
RECALL_WORDS = (6, 12)  # of a quote
RECALL_TOKENS = (8, 24)  # of a quote's continuation
CONTINUATION_PROMPT = 6  # tokens
CONTINUATION_TOKENS = (64, 128)
_TRIES = 8  # for a quote
_SPARE = 1.5  # more characters are tokenised than so many tokens usually have
_WORD = re.compile(r"\S+")


class SampleMaker:
    """Turns texts into samples, for each objective."""

    def __init__(self, data: TrainingData, config: ModelConfig) -> None:
        self.data = data
        self.config = config
        self.restore_ids = self._encode(config.restore_instruction)

    def pack(self, samples: list[Sample], objective: str, taught: int = 0) -> PackedBatch:
        return pack(samples, objective, self.config.prefix_ids, compressed=self.config.method != "full", taught=taught)

    def _encode(self, text: str) -> list[int]:
        return self.data.encode([text])[0]

    def compose(
        self, context: str, prompts: Sequence[str], targets: Sequence[str], rate: int, shared: str = ""
    ) -> Sample:
        """The one place where a context, prompts and the answers to them become a row; answers are ended. context: what
        soft tokens stand for; shared: what all prompts see behind them."""
        ids = self.data.encode([text for prompt, target in zip(prompts, targets) for text in (prompt, " " + target)])
        turns = [(prompt, [*target, self.config.end_ids[0]]) for prompt, target in zip(ids[0::2], ids[1::2])]
        return Sample(self._segments(context), rate, turns, self._encode(shared) if shared else [])

    def _segments(self, text: str) -> list[list[int]]:
        return [segment.ids for segment in cut_segments(reader_text(text), self.data.encode, self.config.segment_length)]

    def autoencoding(self, text: str, tokens: int, rate: int) -> Sample | None:
        """Restates the first `tokens` tokens of `text`, which are one segment (paper section 3.4)."""
        ids = self._encode(reader_text(text))[:tokens]
        if len(ids) < min(16, tokens):
            return None
        return Sample([ids], rate, [(self.restore_ids, [*ids, self.config.end_ids[0]])])

    def questions(self, item: Questions, rate: int, objective: str = "qa", draw: random.Random | None = None) -> Sample:
        """Answers questions from what they are read with (the paper's KEFT, and quotes beside it); without `draw` from soft
        tokens."""
        context = reader_text(PASSAGE_BREAK.join(item.passages))
        shares = self.data.config.readings.get(objective)
        reading = weighted(draw, shares) if shares and draw else "soft"
        if reading == "whole":
            shared = self.config.quote_template.replace("{quotes}", context.rstrip())
            if len(self._encode(shared)) <= self.config.whole_text_tokens:
                return self._answers(item, "", rate, [""] * len(item.turns), shared)
            reading = "quotes"
        if reading != "soft":
            quoted = self._quoted(item, context, reading, draw)
            if quoted is not None:
                item, quotes = quoted
                return self._answers(item, "" if reading == "quotes" else context, rate, quotes)
        return self._answers(item, context, rate, [""] * len(item.turns))

    def _answers(self, item: Questions, context: str, rate: int, quotes: Sequence[str], shared: str = "") -> Sample:
        template, refusal = self.config.question_template, self.config.refusal
        prompts = [
            quote + with_history(template, reader_text(question), item.history(number))
            for number, ((question, _), quote) in enumerate(zip(item.turns, quotes))
        ]
        targets = [refusal if answer is None else answer for _, answer in item.turns]
        return self.compose(context, prompts, targets, rate, shared)

    def _quoted(
        self, item: Questions, context: str, reading: str, draw: random.Random
    ) -> tuple[Questions, list[str]] | None:
        """The questions that can be read so, each with its quotes. Quotes alone that miss the answer call for a refusal;
        where they cannot be said to hold it, as with yes and no, the question is left to other readings."""
        quotable = Quotable(context, self.data.encode)
        turns, histories, quotes = [], [], []
        for number, (question, answer) in enumerate(item.turns):
            history = item.history(number)
            asked = search_words(reader_text(question), history)
            found = quotable.quotes(asked, draw.randint(*self.data.config.quoted_tokens))
            if reading == "quotes" and answer is not None and found != context.strip():
                held = holds(found, answer)
                if held is None or not (held or holds(context, answer)):
                    continue
                answer = answer if held else None
            if reading == "quotes" and not found:
                continue
            turns.append((question, answer))
            histories.append(history)
            quotes.append(self.config.quote_template.replace("{quotes}", found) if found else "")
        return (Questions(turns, item.passages, histories), quotes) if turns else None

    def asking(self, item: Questions, rate: int) -> Sample | None:
        """Asks the question that has a given answer; None if no question of the item has one."""
        known = [(question, answer) for question, answer in item.turns if answer is not None]
        if not known:
            return None
        prompts = [ASKING_TEMPLATE.replace("{answer}", answer) for _, answer in known]
        return self.compose("\n\n".join(item.passages), prompts, [question for question, _ in known], rate)

    @staticmethod
    def continuation_characters(tokens: int) -> int:
        """How much text a continuation of so many tokens takes, with what follows it."""
        return int((tokens + _SPARE * (CONTINUATION_PROMPT + CONTINUATION_TOKENS[1])) * CHARACTERS_PER_TOKEN)

    def continuation(self, text: str, rate: int, draw: random.Random) -> Sample | None:
        """Writes on where the text was cut; the end may be anywhere, so the target has no end token."""
        count = CONTINUATION_PROMPT + draw.randint(*CONTINUATION_TOKENS)
        cut = text.rfind(" ", 1, max(1, len(text) - min(int(count * CHARACTERS_PER_TOKEN * _SPARE), len(text) // 2)))
        if cut <= 0:
            return None
        ids = self._encode(text[cut:])[:count]
        if len(ids) < CONTINUATION_PROMPT + CONTINUATION_TOKENS[0]:
            return None
        return Sample(self._segments(text[:cut]), rate, [(ids[:CONTINUATION_PROMPT], ids[CONTINUATION_PROMPT:])])

    def recall(self, text: str, rate: int, draw: random.Random) -> Sample | None:
        """Goes on after quotes of the text, each of which occurs in it once."""
        words = list(_WORD.finditer(text))
        prompts, targets, counts = [], [], []
        for _ in range(_TRIES * RECALL_QUOTES):
            length = draw.randint(*RECALL_WORDS)
            if len(prompts) == RECALL_QUOTES or len(words) < length + RECALL_TOKENS[0]:
                break
            first = draw.randrange(len(words) - length - RECALL_TOKENS[0] + 1)
            start, end = words[first].start(), words[first + length - 1].end()
            quote = text[start:end]
            if "\n" in quote or text.count(quote) > 1:
                continue
            count = draw.randint(*RECALL_TOKENS)
            prompts.append(RECALL_TEMPLATE.replace("{quote}", quote))
            targets.append(text[end : end + int((count + 8) * CHARACTERS_PER_TOKEN * _SPARE)])
            counts.append(count)
        if not prompts:
            return None
        ids = self.data.encode([*prompts, *targets])
        turns = [(prompt, target[:count]) for prompt, target, count in zip(ids, ids[len(prompts) :], counts)]
        return Sample(self._segments(text), rate, turns)
