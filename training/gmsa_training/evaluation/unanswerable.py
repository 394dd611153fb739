"""Questions whose context does not hold the answer, made of questions whose context does."""

from __future__ import annotations

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.qa_data import EvaluationQuestion
from gmsa_training.evaluation.metrics import holds_answer


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
