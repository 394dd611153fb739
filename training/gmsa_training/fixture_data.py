"""The toy language of the test fixture: facts about animals and people, in a closed grammar with some 2,200 different
sentences, and a question to each.

Texts are drawn at random, so a text that was never trained on can only be restored and asked about from its soft
tokens."""

from __future__ import annotations

import random
from dataclasses import dataclass

ADJECTIVES = ["red", "old", "small", "quick", "quiet", "grey", "brave", "lazy"]
ANIMALS = ["fox", "bear", "owl", "frog", "horse", "mouse", "wolf", "goat", "duck", "cat"]
CITIES = ["Oslo", "Rome", "Lima", "Cairo", "Paris", "Delhi", "Tokyo", "Quito", "Dublin", "Vienna"]
FOODS = ["honey", "bread", "apples", "fish", "rice", "cheese", "nuts", "soup", "berries", "corn"]
PEOPLE = ["baker", "miller", "sailor", "doctor", "teacher", "farmer", "painter", "singer", "pilot", "judge"]
COLOURS = ["green", "blue", "white", "yellow", "black", "golden"]
THINGS = ["boats", "lamps", "clocks", "drums", "kites", "rings", "books", "coins", "flutes", "maps"]


@dataclass(frozen=True)
class Fact:
    """One sentence, and the question that it answers."""

    sentence: str
    question: str
    answer: str


@dataclass(frozen=True)
class ToyText:
    """A text of several facts, no two of which answer the same question."""

    text: str
    facts: list[Fact]


def _draw_fact(draw: random.Random) -> tuple[Fact, set[str]]:
    """A fact, and the words of which none may occur twice in a text. Every answer begins with what was asked for, so
    one way of looking it up serves all kinds of question."""
    kind = draw.randrange(3)
    if kind == 2:
        person, thing = draw.choice(PEOPLE), draw.choice(THINGS)
        goods = f"{draw.choice(COLOURS)} {thing}"
        return Fact(f"The {person} sells {goods}.", f"What does the {person} sell?", goods), {person, thing}
    animal = draw.choice(ANIMALS)
    subject = f"{draw.choice(ADJECTIVES)} {animal}"
    if kind == 1:
        food = draw.choice(FOODS)
        return Fact(f"The {subject} eats {food}.", f"What does the {subject} eat?", food), {f"{animal} eats", food}
    city = draw.choice(CITIES)
    return Fact(f"The {subject} lives in {city}.", f"Where does the {subject} live?", city), {f"{animal} lives", city}


def draw_text(draw: random.Random, sentences: int) -> ToyText:
    """A text of so many sentences (20 at most); a quarter of them begin a new paragraph."""
    facts: list[Fact] = []
    used: set[str] = set()
    while len(facts) < sentences:
        fact, words = _draw_fact(draw)
        if not words & used:
            used |= words
            facts.append(fact)
    text = ""
    for fact in facts:
        text += ("\n\n" if draw.random() < 0.25 else " ") * bool(text) + fact.sentence
    return ToyText(text, facts)


def draw_word_salad(draw: random.Random, words: int) -> str:
    """Different words of the toy language in random order: copying is learnt within a few hundred steps from texts
    that cannot be guessed and in which no word can be mistaken for another, and not at all from the toy language."""
    known = [
        *ADJECTIVES,
        *ANIMALS,
        *CITIES,
        *FOODS,
        *PEOPLE,
        *COLOURS,
        *THINGS,
        "The",
        "the",
        "lives",
        "in",
        "eats",
        "sells",
    ]
    return "".join(f" {word}" for word in draw.sample(known, words))
