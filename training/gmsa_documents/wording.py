"""Questions, and the little grammar that makes them of labels and verb phrases."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_PREPOSITION = re.compile(r" (?:of|for|to|a|on|when) ")
_FIRST_WORDS = {
    "how much": "how much", "how many": "how much", "how long": "how much", "by how": "how much", "who": "who", "whom": "who",
    "when": "when", "by when": "when", "until when": "when", "since when": "when", "where": "where", "why": "why",
}  # fmt: skip
_INVERTED = {"is": "Is {}", "was": "Was {}", "can": "Can {}", "will": "Will {}", "has": "Does {} have", "had": "Did {} have"}
_PAST = {"joined": "join", "happened": "happen", "came": "come", "took": "take", "got": "get", "concerned": "concern"}
_PLURAL = {"is": "are", "was": "were", "has": "have", "can": "can", "will": "will", "had": "had"}


@dataclass(frozen=True)
class Question:
    """answers: none where the text does not hold one; kind: what is asked for, or `absent` or `near_miss`; history: the
    turns before, each a question and its answer."""

    question: str
    answers: list[str]
    kind: str
    history: list[list[str]] = field(default_factory=list)


def lower(label: str) -> str:
    """A label inside a sentence."""
    return label if label[1:2].isupper() or label.startswith("X-") else label[:1].lower() + label[1:]


def be(label: str) -> str:
    """The verb before a label."""
    head = _PREPOSITION.split(label)[0]
    return "Are" if head.endswith("s") and not head.endswith(("ss", "us", "'s")) else "Is"


def bare(verb: str) -> str:
    """The infinitive of a verb in the third person."""
    if verb.endswith(("ches", "shes", "sses", "oes", "xes")):
        return verb[:-2]
    return f"{verb[:-3]}y" if verb.endswith("ies") and verb != "lies" else verb.removesuffix("s")


def inverted(phrase: str, subject: str) -> str:
    """A verb phrase as a yes/no question."""
    verb, _, rest = phrase.partition(" ")
    if verb in _PAST:
        return f"Did {subject} {_PAST[verb]} {rest}?"
    return f"{_INVERTED.get(verb, 'Does {} ' + bare(verb)).format(subject)} {rest}?"


def plural(phrase: str) -> str:
    """A verb phrase of several."""
    verb, _, rest = phrase.partition(" ")
    return f"{verb if verb in _PAST else _PLURAL.get(verb) or bare(verb)} {rest}"


def kind_of(question: str) -> str:
    """What a question asks for, by its first words."""
    first, second, *_ = [*question.lower().split(" "), ""]
    return _FIRST_WORDS.get(f"{first} {second}") or _FIRST_WORDS.get(first, "value")
