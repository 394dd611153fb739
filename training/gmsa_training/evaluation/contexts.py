"""Contexts made for a measurement: without the answer, or among the passages of other rows."""

import random
from collections.abc import Callable

from gmsa_training.data.evaluation_data import PASSAGE_BREAK, EvaluationQuestion
from gmsa_training.data.jsonl import DataError
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
    known = list(dict.fromkeys([*pool, *(text for one in questions for text in one.passages)]))
    lengths = {text: len(ids) for text, ids in zip(known, encode([text + PASSAGE_BREAK for text in known]))}
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


def _without_gold(one: EvaluationQuestion) -> list[str]:
    held = {i for i, text in enumerate(one.passages) if i in one.gold or holds_answer(text, one.answers)}
    # Where it is not known which passage holds the answer (yes and no stand nowhere), none is safe.
    return [text for i, text in enumerate(one.passages) if i not in held] if held else []


def make_unanswerable(
    questions: list[EvaluationQuestion], everything: list[EvaluationQuestion]
) -> list[EvaluationQuestion]:
    """Each question without its gold passages and without any other that holds an answer; where nothing is left (a
    single passage), with the context of the next row that does not hold an answer, which in SQuAD is mostly of the
    same article. everything: all questions of the file."""
    contexts = list(dict.fromkeys(one.context for one in everything))
    places = {context: place for place, context in enumerate(contexts)}
    found = []
    for one in questions:
        passages = _without_gold(one)
        if not passages:
            start = places[one.context]
            others = (contexts[(start + step) % len(contexts)] for step in range(1, len(contexts)))
            other = next((text for text in others if not holds_answer(text, one.answers)), None)
            if other is None:
                raise DataError(f"No context is without an answer to question {one.id!r}.")
            passages = [other]
        found.append(one.about(passages))
    return found
