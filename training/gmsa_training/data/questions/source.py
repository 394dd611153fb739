"""What all sources of questions share.

Texts stay text until they are drawn, so contexts differ every time. A question that its context does not answer comes
without an answer: no reference answer occurs in the context."""

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gmsa_training.evaluation.metrics import normalise_answer

CHARACTERS_PER_TOKEN = 4.2  # of English text in byte-level BPE; only for choosing how much text to tokenise
LONGEST_ANSWER = 150  # characters; longer ones are descriptions, which a 135M model cannot be held to
LONGEST_SUMMARY = 600  # characters
TRIES = 4  # for a question that a context does not answer


def weighted(draw: random.Random, chances: Mapping[Any, float]) -> Any:
    """One of the keys, by its chance; the chances need not add up to 1."""
    return draw.choices(list(chances), list(chances.values()))[0]


@dataclass(frozen=True)
class Questions:
    """Questions, each with its answer or None where the context does not hold it, and the passages of their common
    context as texts (a title on the first line, if any). histories: of each question the turns before it, each a
    question and its answer; empty where no question follows another."""

    turns: Sequence[tuple[str, str | None]]
    passages: Sequence[str]
    histories: Sequence[Sequence[Sequence[str]]] = ()

    def history(self, number: int) -> Sequence[Sequence[str]]:
        return self.histories[number] if self.histories else ()


@dataclass(frozen=True)
class Wanted:
    """How contexts are to be drawn: the share of unanswerable questions, the chance of each length in tokens, and the
    longest that may be."""

    unanswerable: float = 0.0
    context_tokens: dict[int, float] = field(default_factory=dict)
    longest: float = math.inf

    def characters(self, draw: random.Random) -> float:
        """How long one context shall be."""
        tokens = weighted(draw, self.context_tokens)
        return min(tokens, self.longest) * CHARACTERS_PER_TOKEN


def passage_text(passage: dict[str, str]) -> str:
    return f"{passage['title']}\n{passage['text']}" if passage.get("title") else passage["text"]


class Context:
    """Passages, to look for answers in."""

    def __init__(self, passages: Iterable[str]) -> None:
        self.text = normalise_answer("\n".join(passages))

    def holds(self, answers: Iterable[str]) -> bool:
        """Whether any of the answers occurs, in whatever case and punctuation."""
        return any(normalise_answer(answer) in self.text for answer in answers)


class QuestionSource(ABC):
    """Questions of one file. validation: questions that are never drawn, on their own paragraph alone."""

    validation: Sequence[Questions] = ()

    @abstractmethod
    def draw(self, draw: random.Random, wanted: Wanted) -> Questions:
        """Questions of one context, its passages shuffled."""


def mix_unanswerable(
    item: Questions, share: float, draw: random.Random, other: Callable[[], tuple[str, str] | None], shuffle: bool = False
) -> Questions:
    """This share of the questions replaced by others that the passages do not answer.
    other: draws a question about another text, and its answer. shuffle: the questions, if any was to be replaced."""
    turns = list(item.turns)
    chosen = [i for i in range(len(turns)) if draw.random() < share]
    context = Context(item.passages) if chosen else None
    for i in chosen:
        for _ in range(TRIES):
            asked = other()
            if asked is not None and not context.holds([asked[1]]):
                turns[i] = (asked[0], None)
                break
    if chosen and shuffle:
        draw.shuffle(turns)
    return Questions(turns, item.passages)


def unanswered(questions: Sequence[Questions], draw: random.Random) -> list[Questions]:
    """Validation questions, each asked about the paragraph of another one that does not hold its answer."""
    found = []
    for one in questions:
        (question, answer), other = one.turns[0], draw.choice(questions)
        if answer is not None and not Context(other.passages).holds([answer]):
            found.append(Questions([(question, None)], other.passages))
    return found
