"""Generated documents share nothing with the documents that measure."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
from pathlib import Path

import pytest

from gmsa_documents import generate
from gmsa_documents.values import words

WORDS = 8  # in a row
NAMES = set(  # all of people, places, products and firms in everyday.dev that are no common words
    "pinder marlin larch tarns birk scar orsolya bashir tove emeka ada coyle marsh tully osei 5519 alu7".split()
)
ROOT = Path(__file__).parents[2]
FOLDERS = (os.environ.get("GMSA_DATA", ""), ROOT.parent / "shared/data", ROOT / "shared/data")


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    for folder in filter(None, FOLDERS):
        path = Path(folder) / "everyday.dev.jsonl.gz"
        if path.exists():
            with gzip.open(path, "rt", encoding="utf-8") as lines:
                return [json.loads(line) for line in lines]
    pytest.skip("everyday.dev.jsonl.gz is not there; GMSA_DATA names its folder")


def tokens(text: str) -> list[str]:
    return re.findall(r"\w+", text.replace("\u00ad", "").lower())


def grams(found: list[str]) -> set[tuple[str, ...]]:
    return set(zip(*(found[start:] for start in range(WORDS))))


def test_no_words_in_a_row_and_no_question_are_shared(rows: list[dict]) -> None:
    texts = {passage["text"] for row in rows for passage in row["passages"]}
    known = set().union(*(grams(tokens(text)) for text in texts))
    questions = {" ".join(tokens(row["question"])) for row in rows} - {"what is this text about"}
    rng = random.Random(6)
    for _ in range(600):
        document = generate(rng)
        assert not grams(tokens(document.text)) & known
        assert not {" ".join(tokens(one.question)) for one in document.questions} & questions


def test_no_name_is_shared(rows: list[dict]) -> None:
    texts = {word for row in rows for passage in row["passages"] for word in tokens(passage["text"])}
    assert texts >= NAMES
    assert not {word for entries in words().values() for entry in entries for word in tokens(entry)} & NAMES
    rng = random.Random(8)
    for _ in range(600):
        assert not set(tokens(generate(rng).text)) & NAMES
