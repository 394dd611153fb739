"""Passages of prose, with answers in them that can be asked for."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.cloze import answer_spans, sentences_of
from gmsa_training.data.questions.source import CHARACTERS_PER_TOKEN

_TOKENS = (60, 220)  # shortest and longest passage, about as in SQuAD
_ANSWERS = 5  # of a passage, each of another sentence


@dataclass(frozen=True)
class Passage:
    text: str
    answers: tuple[str, ...]
    title: str = ""


def passages(prose: ProseSource, draw: random.Random) -> Iterator[Passage]:
    """Endless passages that hold at least one answer. An answer of a passage occurs in it once."""
    while True:
        title, text = prose.titled_passage(draw, draw.uniform(*_TOKENS) * CHARACTERS_PER_TOKEN)
        sentences = sentences_of(text)
        draw.shuffle(sentences)
        answers: list[str] = []
        for sentence in sentences:
            spans = answer_spans(sentence)
            if spans and len(answers) < _ANSWERS:
                span = draw.choice(spans)
                answer = sentence[span.start : span.end]
                if text.count(answer) == 1:
                    answers.append(answer)
        if answers:
            yield Passage(text, tuple(answers), title)
