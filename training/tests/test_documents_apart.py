"""Generated documents share nothing with the documents that measure."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
from pathlib import Path

import pytest

from gmsa_training.documents import generate
from gmsa_training.documents.values import words

WORDS = 8  # in a row
COMMON = set("February January October November Monday Saturday Hill Road Street Sea Shop Sum The Please".split())  # no names
FOLDERS = (os.environ.get("GMSA_DATA", ""), Path(__file__).parents[3] / "shared/data", Path(__file__).parents[2] / "shared/data")


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
    for _ in range(1500):
        document = generate(rng)
        assert not grams(tokens(document.text)) & known
        assert not {" ".join(tokens(one.question)) for one in document.questions} & questions


def test_no_name_is_shared(rows: list[dict]) -> None:
    texts = " ".join({passage["text"] for row in rows for passage in row["passages"]}).replace("\u00ad", "")
    names = set(re.findall(r"\b[A-Z][a-zà-ü]{2,}", texts)) - COMMON
    ours = {word for entries in words().values() for entry in entries for word in re.findall(r"\b[A-Z]\w+", entry)}
    headings = {"Alu", "Beam", "Can", "Carriage", "Chambers", "Climb", "Code", "Customer", "Description", "Dogs", "Engine", "Flour"}
    assert not (names - headings) & ours
