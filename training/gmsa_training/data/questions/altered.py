"""Altered answers: another answer stands in the context and is asked for (the substitution of Longpre et al. 2021,
"Entity-Based Knowledge Conflicts in Question Answering"). Knowing the question by heart then does not help."""

import random
from collections.abc import Sequence

from gmsa_training.data.questions.answer_kinds import answer_pool
from gmsa_training.data.questions.source import Questions
from gmsa_training.evaluation.metrics import normalise_answer

_TRIES = 4  # for an answer of the same kind
_SEPARATORS = (".", ",")
_BREAK = "\n\x00\n"  # between passages, which are searched as one text


def places(text: str, answer: str) -> list[int]:
    """Where an answer stands in a text as whole words; 5 does not stand in 3.5 or 5,000. Patterns would be slower: each
    answer has one of its own, to be compiled."""
    found, start = [], text.find(answer)
    while start >= 0:
        end = start + len(answer)
        before, after = text[max(0, start - 2) : start], text[end : end + 2]
        inside = (before and _is_word(before[-1])) or (after and _is_word(after[0]))
        number = (before[-1:] in _SEPARATORS and before[:1].isdigit()) or (after[:1] in _SEPARATORS and after[1:].isdigit())
        if not inside and not number:
            found.append(start)
            start = text.find(answer, end)
        else:
            start = text.find(answer, start + 1)
    return found


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _replaced(text: str, old: str, new: str) -> tuple[str, int]:
    """The text with another answer, and in how many places."""
    found = places(text, old)
    edges = [0, *(place + len(old) for place in found)]
    return "".join([*(text[a:b] + new for a, b in zip(edges, found)), text[edges[-1] :]]), len(found)


def _words(text: str) -> str:
    """To look for whole words in, whatever their case and punctuation."""
    return f" {normalise_answer(text)} "


class Alterations:
    """Replaces answers by others of their kind. answers: those of a file, from which the others come."""

    def __init__(self, answers: Sequence[str]) -> None:
        self.other = answer_pool(list(answers))

    def alter(self, item: Questions, share: float, draw: random.Random, names: Sequence[str] = ()) -> Questions:
        """The questions with this share of the answers replaced, in the passages as well, where that leaves every
        question right. names: other forms of the first question's answer."""
        turns, text = list(item.turns), _BREAK.join(item.passages)
        held: str | None = None
        for number, (_, answer) in enumerate(item.turns):
            if answer is None or draw.random() >= share:
                continue
            if held is None:
                held = _words(text)
            found = self._altered(turns, number, text, held, [answer, *(names if number == 0 else ())], draw)
            if found is not None:
                turns, text, held = found
        return Questions(turns, text.split(_BREAK)) if held is not None else item

    def _altered(
        self, turns: list[tuple[str, str | None]], number: int, text: str, held: str, known: Sequence[str], draw: random.Random
    ) -> tuple[list[tuple[str, str | None]], str, str] | None:
        """Turns, text and its words with the answer of one turn replaced; None where that would make a question wrong.
        held: the text's words. known: what the answer was called; none of it may be left."""
        answer = turns[number][1]
        assert answer is not None
        # A question that names the answer would ask about something that is gone.
        words = _words(answer)
        if answer not in text or not words.strip() or any(words in asked for asked in (_words(question) for question, _ in turns)):
            return None
        new = self._new(turns, number, held, draw)
        if new is None:
            return None
        changed, count = _replaced(text, answer, new)
        if not count:
            return None
        words = self._changed_words(held, changed, answer, new, count)
        if any(_words(one) in words for one in {answer, *known} if normalise_answer(one)):
            return None
        made: list[tuple[str, str | None]] = []
        for question, other in turns:
            target = None if other is None else _replaced(other, answer, new)[0]
            # An answer that was part of a replaced one, or overlapped it, may stand in fewer places now.
            if other is not None and len(places(changed, target or "")) < max(1, len(places(text, other))):
                return None
            made.append((question, target))
        return made, changed, words

    @staticmethod
    def _changed_words(held: str, changed: str, old: str, new: str, count: int) -> str:
        """The words of the changed text. To normalise a long text takes most of the time, so it is done only where
        the answer stands in other places among the words than in the text."""
        old, new = _words(old), _words(new)
        return held.replace(old, new) if held.count(old) == count else _words(changed)

    def _new(self, turns: Sequence[tuple[str, str | None]], number: int, held: str, draw: random.Random) -> str | None:
        """Another answer that occurs neither in the text nor in a question or an answer of the turns."""
        parts = [_words(part) for turn in turns for part in turn if part]
        for _ in range(_TRIES):
            new = self.other(turns[number][1] or "", draw)
            if new is None:
                return None
            words = _words(new)
            if words.strip() and words not in held and not any(words in part or part in words for part in parts):
                return new
        return None
