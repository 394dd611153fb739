"""Altered answers: another answer stands in the context and is asked for (the substitution of Longpre et al. 2021,
"Entity-Based Knowledge Conflicts in Question Answering"). Knowing the question by heart then does not help."""

import functools
import random
from collections.abc import Callable, Sequence

from gmsa_training.data.questions.answer_kinds import kind_of, other_number
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
        self.pools: dict[str | None, list[str]] = {}
        for answer in dict.fromkeys(answers):
            self.pools.setdefault(kind_of(answer), []).append(answer)

    def other(self, answer: str, draw: random.Random) -> str | None:
        """Another answer of the same kind: a number with other digits, all else from the answers of the file."""
        kind = kind_of(answer)
        if kind == "number":
            return other_number(answer, draw)
        pool = self.pools.get(kind, []) if kind else []
        return draw.choice(pool) if len(pool) > 1 else None

    def alter(self, item: Questions, share: float, draw: random.Random, names: Sequence[str] = ()) -> Questions:
        """The questions with this share of the answers replaced, in the passages as well, where that leaves every
        question right. names: other forms of the first question's answer."""
        altered = _Altered(list(item.turns), _BREAK.join(item.passages))
        tried = False
        for number, (_, answer) in enumerate(item.turns):
            if answer is None or draw.random() >= share:
                continue
            tried = True
            altered.replace(number, lambda answer: self.other(answer, draw), [answer, *(names if number == 0 else ())])
        return Questions(altered.turns, altered.text.split(_BREAK)) if tried else item


class _Altered:
    """Turns and the text of their passages, while answers are replaced. words: those of the text."""

    def __init__(self, turns: list[tuple[str, str | None]], text: str) -> None:
        self.turns, self.text = turns, text

    @functools.cached_property
    def words(self) -> str:
        return _words(self.text)

    def replace(self, number: int, other: Callable[[str], str | None], known: Sequence[str]) -> None:
        """Replaces the answer of one turn, unless that would make a question wrong. known: what the answer was called;
        none of it may be left."""
        answer = self.turns[number][1] or ""
        # A question that names the answer would ask about something that is gone.
        words = _words(answer)
        if answer not in self.text or not words.strip() or any(words in _words(question) for question, _ in self.turns):
            return
        new = self._new(answer, other)
        if new is None:
            return
        changed, count = _replaced(self.text, answer, new)
        if not count:
            return
        # To normalise a long text takes most of the time, so it is done only where the answer stands in other places
        # among the words than in the text.
        left = self.words.replace(words, _words(new)) if self.words.count(words) == count else _words(changed)
        if any(_words(one) in left for one in {answer, *known} if normalise_answer(one)):
            return
        made = [(question, target and _replaced(target, answer, new)[0]) for question, target in self.turns]
        for (_, before), (_, after) in zip(self.turns, made):
            # An answer that was part of a replaced one, or overlapped it, may stand in fewer places now.
            if before is not None and len(places(changed, after or "")) < max(1, len(places(self.text, before))):
                return
        self.turns, self.text, self.words = made, changed, left

    def _new(self, answer: str, other: Callable[[str], str | None]) -> str | None:
        """Another answer that occurs neither in the text nor in a question or an answer of the turns."""
        parts = [_words(part) for turn in self.turns for part in turn if part]
        for _ in range(_TRIES):
            new = other(answer)
            if new is None:
                return None
            words = _words(new)
            if words.strip() and words not in self.words and not any(words in part or part in words for part in parts):
                return new
        return None
