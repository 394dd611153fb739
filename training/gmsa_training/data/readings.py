"""What a question is read with, in training and in evaluation alike: soft tokens, quotes, both, or the whole text.

    soft   the soft tokens of the context alone
    quotes the words that the question points to, word for word
    both   soft tokens, then quotes
    whole  a short text as it stands

Quotes are chosen by the very rules of the browser (`gmsa_quotes`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gmsa_training.evaluation.metrics import normalise_answer
from gmsa_quotes.bm25 import Index
from gmsa_quotes.reading_text import reading_text
from gmsa_quotes.selection import render, select
from gmsa_quotes.units import cut_units, wide

# Answers that stand in no text, so that quotes cannot be said to hold them or not.
_UNQUOTABLE = ("", "yes", "no")


def reader_text(text: str) -> str:
    """A text as the model reads it: without invisible characters, and normalised (`reading_text`)."""
    return reading_text(text).text


class Quotable:
    """A context that quotes are taken from. encode: texts to token ids."""

    def __init__(self, text: str, encode: Callable[[list[str]], list[list[int]]]) -> None:
        broad = wide(text)
        self.index = Index(broad, cut_units(broad))
        self._encode = encode

    def quotes(self, question: str, budget: int) -> str:
        """What the model reads of them, in at most so many tokens; nothing where the question points nowhere."""
        return render(select(self.index, question, budget, self._count)).rstrip()

    def _count(self, text: str) -> int:
        return len(self._encode([text])[0])


def holds(text: str, answer: str) -> bool | None:
    """Whether a text holds an answer word for word; None for answers that stand in no text."""
    found = normalise_answer(answer)
    return None if found in _UNQUOTABLE else found in normalise_answer(text)


def with_history(template: str, question: str, history: Sequence[Sequence[str]] = ()) -> str:
    """The question in its template, behind the turns before it."""
    turns = [f"{template.replace('{question}', asked)} {answer}" for asked, answer in history]
    return "".join([*turns, template.replace("{question}", question)])


def search_words(question: str, history: Sequence[Sequence[str]] = ()) -> str:
    """What quotes are looked for with: a follow-up question says little without the one before it."""
    return f"{history[-1][0]} {question}" if history else question
