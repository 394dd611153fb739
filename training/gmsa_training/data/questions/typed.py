"""Questions as people type them into a search field: lower case, no question mark, little punctuation. Data sets written
by annotators have none, and a model that saw full sentences alone takes such a question for a quote of the text."""

import random
import re
from dataclasses import replace

from gmsa_training.data.questions.source import Questions

# Not inside a word or number, as in don't, 3.5 or co-founder.
_PUNCTUATION = re.compile(r"(?<!\w)[^\w\s]+|[^\w\s]+(?!\w)")


def typed(question: str) -> str:
    """The question in lower case, without punctuation between words; the question as it is if nothing would be left."""
    return " ".join(_PUNCTUATION.sub(" ", question).lower().split()) or question


def as_typed(item: Questions, share: float, draw: random.Random) -> Questions:
    """The questions with this share of them as typed."""
    turns = [(typed(question) if draw.random() < share else question, answer) for question, answer in item.turns]
    return replace(item, turns=turns)
