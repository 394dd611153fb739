"""Needle questions: a sentence with a made-up fact somewhere in long prose, and a question that it alone answers."""

import bisect
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from gmsa_training.data.evaluation_data import EvaluationQuestion
from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.hard_compression import sentences
from gmsa_training.evaluation.metrics import holds_answer, mean_with_interval

_WORDS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Needle:
    """length: tokens of the context. depth: 0 at its beginning, 1 at its end."""

    question: EvaluationQuestion
    length: int
    depth: float


def _fact(draw: random.Random) -> tuple[str, str, str]:
    """Fact, question and answer; no answer can be guessed."""
    template = draw.choice(_WORDS["templates"])
    answer = {
        "number": str(draw.randrange(1000, 100_000)),
        "thing": f"{draw.choice(_WORDS['colour'])} {draw.choice(_WORDS['thing'])}",
        "word": "".join(draw.sample(_WORDS["syllable"], 4)).capitalize(),
    }[template["kind"]]
    values = {name: draw.choice(_WORDS[name]) for name in ("city", "person", "room")}
    return template["fact"].format(answer=answer, **values), template["question"].format(**values), answer


class Haystack:
    """Prose of whole sentences, from documents in an order of its own each time."""

    def __init__(self, documents: Sequence[str], encode: Callable[[list[str]], list[list[int]]]) -> None:
        self.encode = encode
        pieces = [sentences(text) for text in documents]
        counts = iter(map(len, encode([piece for one in pieces for piece in one])))
        self.documents = [[(piece, next(counts)) for piece in one] for one in pieces]

    def draw(self, draw: random.Random, tokens: int) -> list[tuple[str, int]]:
        """(text, tokens) of sentences with up to `tokens` tokens in all, documents separated by a blank line."""
        found: list[tuple[str, int]] = []
        for document in draw.sample(self.documents, len(self.documents)):
            for number, (text, count) in enumerate(document):
                if count > tokens:
                    return found
                found.append(("\n\n" * (number == 0 and bool(found)) + text, count))
                tokens -= count
        raise DataError(f"The prose is {tokens} tokens too short for a context of this length.")


def make_needles(haystack: Haystack, lengths: Sequence[int], depths: Sequence[float], count: int, seed: int = 0) -> list[Needle]:
    """`count` questions for each length and depth; the same arguments give the same questions."""
    needles = []
    for length in lengths:
        for place, depth in enumerate(depths):
            for number in range(count):
                name = f"needle-{length}-{place}-{number}"
                draw = random.Random(f"{seed} {name}")
                fact, question, answer = _fact(draw)
                text = _hide(haystack, draw, " " + fact, answer, length, depth)
                asked = EvaluationQuestion(name, question, (answer,), text, (text,))
                needles.append(Needle(asked, length, depth))
    return needles


def _hide(haystack: Haystack, draw: random.Random, fact: str, answer: str, length: int, depth: float) -> str:
    room = length - len(haystack.encode([fact])[0])
    while True:
        hay = haystack.draw(draw, room)
        if not holds_answer("".join(text for text, _ in hay), [answer]):
            break
    before = [0, *itertools.accumulate(count for _, count in hay)]
    place = bisect.bisect_left(before, depth * before[-1])
    return "".join([*(text for text, _ in hay[:place]), fact, *(text for text, _ in hay[place:])]).strip()


def needle_scores(needles: list[Needle], records: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy by length, as `accuracy/4096` with its interval and n, and by length and depth, as `accuracy/4096/0.5`."""
    found = {record["id"]: record["accuracy"] for record in records}
    scores: dict[str, Any] = {}
    for length in sorted({one.length for one in needles}):
        values = {one: found[one.question.id] for one in needles if one.length == length}
        scores[f"accuracy/{length}"] = asdict(mean_with_interval(list(values.values()))) | {"n": len(values)}
        for depth in dict.fromkeys(one.depth for one in values):
            cell = [value for one, value in values.items() if one.depth == depth]
            scores[f"accuracy/{length}/{depth:.2f}"] = sum(cell) / len(cell)
    return scores
