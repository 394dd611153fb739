"""Draws a document with its questions."""

from __future__ import annotations

import random
from dataclasses import dataclass

from gmsa_documents.noise import noisy
from gmsa_documents.page import Page
from gmsa_documents.questions import Asker
from gmsa_documents.templates import combinations, kinds

_FEWEST, _MOST = 6, 15  # questions


@dataclass(frozen=True)
class Document:
    """kind: name of the template; layout: how it is laid out."""

    text: str
    questions: list[Question]
    kind: str
    layout: str


def generate(rng: random.Random, split: str = "train", kind: str | None = None) -> Document:
    """A document with its questions; the same one for the same state of rng. split: `train` or `validation`, which
    share no combination of kind and layout. kind: draw one of this kind only.

    Raises ValueError for another split, and for a kind that the split does not have."""
    found = [one for one in combinations(split) if kind in (None, one[0].name)]
    if not found:
        raise ValueError(f"There is no kind {kind!r} in the {split} split; there are {', '.join(kinds())}.")
    while True:
        chosen, layouts = rng.choice(found)
        page = Page(chosen, rng.choice(layouts), rng)
        questions = Asker(page).questions(rng.randint(_FEWEST, _MOST))
        if len(questions) >= _FEWEST:
            break
    kept = [part for one in questions for part in (one.question, *one.answers, *sum(one.history, []))]
    return Document(noisy(page.text, kept, rng), questions, chosen.name, page.layout)
