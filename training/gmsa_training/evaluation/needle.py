"""Needle questions: a sentence with a made-up fact somewhere in long prose, and a question that it alone answers."""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from gmsa_training.data.evaluation_data import EvaluationQuestion
from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.hard_compression import sentences
from gmsa_training.evaluation.metrics import holds_answer, mean_with_interval

_PEOPLE = ["Odile", "Tomasz", "Ingrid", "Rafael", "Mei", "Kofi", "Yusuf", "Petra", "Linnea", "Anselm", "Noor", "Dario"]
_CITIES = ["Lisbon", "Tallinn", "Quito", "Nairobi", "Osaka", "Bergen", "Tbilisi", "Cusco", "Halifax", "Ghent", "Perth", "Fez"]
_COLOURS = ["red", "blue", "green", "yellow", "white", "black", "brown", "purple", "orange", "silver", "golden", "grey"]
_THINGS = ["kettle", "ladder", "barrel", "statue", "bucket", "lantern", "anvil", "basket", "drum", "sofa", "mirror", "cart"]
_ROOMS = ["archive", "boiler room", "library", "greenhouse", "observatory", "workshop", "cellar", "chapel"]
_SYLLABLES = ["ka", "ro", "mi", "tel", "vor", "sha", "lin", "dex", "pol", "ny", "bru", "gar", "zo", "fen", "ula", "quin"]
# (fact, question); {answer} is replaced by one of the kind that is named first.
_TEMPLATES = [
    ("number", "The magic number of {city} is {answer}.", "What is the magic number of {city}?"),
    ("number", "The parcel that {person} sent weighs {answer} grams.", "How many grams does the parcel that {person} sent weigh?"),
    ("thing", "{person} keeps the spare key under the {answer}.", "Under what does {person} keep the spare key?"),
    ("word", "The password to the {room} is {answer}.", "What is the password to the {room}?"),
    ("word", "{person} was born in the village of {answer}.", "In which village was {person} born?"),
    ("number", "The safe in the {room} opens with the code {answer}.", "With which code does the safe in the {room} open?"),
]


@dataclass(frozen=True)
class Needle:
    """length: tokens of the context. depth: 0 at its beginning, 1 at its end."""

    question: EvaluationQuestion
    length: int
    depth: float


def _fact(draw: random.Random) -> tuple[str, str, str]:
    """Fact, question and answer; no answer can be guessed."""
    kind, fact, question = draw.choice(_TEMPLATES)
    answer = {
        "number": str(draw.randrange(1000, 100_000)),
        "thing": f"{draw.choice(_COLOURS)} {draw.choice(_THINGS)}",
        "word": "".join(draw.sample(_SYLLABLES, 4)).capitalize(),
    }[kind]
    values = {"city": draw.choice(_CITIES), "person": draw.choice(_PEOPLE), "room": draw.choice(_ROOMS)}
    return fact.format(answer=answer, **values), question.format(**values), answer


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
    total = sum(count for _, count in hay)
    before, place = 0, 0
    while place < len(hay) and before < depth * total:
        before += hay[place][1]
        place += 1
    return "".join([*(text for text, _ in hay[:place]), fact, *(text for text, _ in hay[place:])]).strip()


def needle_scores(needles: list[Needle], records: list[dict[str, Any]]) -> dict[str, Any]:
    """Accuracy by length, as `accuracy/4096` with its interval and n, and by length and depth, as `accuracy/4096/0.5`."""
    by_cell: dict[tuple[int, float], list[float]] = {}
    found = {record["id"]: record["accuracy"] for record in records}
    for one in needles:
        by_cell.setdefault((one.length, one.depth), []).append(found[one.question.id])
    scores: dict[str, Any] = {}
    for length in sorted({length for length, _ in by_cell}):
        values = [value for (other, _), cell in by_cell.items() if other == length for value in cell]
        scores[f"accuracy/{length}"] = asdict(mean_with_interval(values)) | {"n": len(values)}
        scores |= {f"accuracy/{length}/{depth:.2f}": sum(cell) / len(cell) for (other, depth), cell in by_cell.items() if other == length}
    return scores
