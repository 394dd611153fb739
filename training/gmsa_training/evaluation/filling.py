"""Long contexts: the passages of a question among those of other rows."""

from __future__ import annotations

import random
from collections.abc import Callable

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.qa_data import PASSAGE_BREAK, EvaluationQuestion
from gmsa_training.evaluation.metrics import holds_answer

_LEAST_SHARE = 0.95  # of the tokens asked for; a single passage is rarely longer than the rest


def fill_contexts(
    questions: list[EvaluationQuestion],
    everything: list[EvaluationQuestion],
    tokens: int,
    encode: Callable[[list[str]], list[list[int]]],
    seed: int = 0,
) -> list[EvaluationQuestion]:
    """Adds passages of other rows that do not hold an answer until a context has up to `tokens` tokens, and shuffles
    them, so that the gold passage may be anywhere. everything: all questions of the file, whose passages are drawn.

    The same file, question and seed give the same context. Raises DataError if there are too few passages."""
    pool = list(dict.fromkeys(text for one in everything for text in one.passages))
    lengths = {text: len(ids) for text, ids in zip(pool, encode([text + PASSAGE_BREAK for text in pool]))}
    own = [text for one in questions for text in one.passages if text not in lengths]
    lengths |= {text: len(ids) for text, ids in zip(own, encode([text + PASSAGE_BREAK for text in own]))}
    filled = []
    for one in questions:
        draw = random.Random(f"{seed} {one.id}")
        passages = list(one.passages)
        total = sum(lengths[text] for text in passages)
        for text in draw.sample(pool, len(pool)):
            if total >= _LEAST_SHARE * tokens:
                break
            if total + lengths[text] <= tokens and text not in passages and not holds_answer(text, one.answers):
                passages.append(text)
                total += lengths[text]
        if total < _LEAST_SHARE * tokens:
            raise DataError(f"The file's passages fill {total} of {tokens} tokens for question {one.id!r}.")
        draw.shuffle(passages)
        filled.append(one.about(passages))
    return filled
