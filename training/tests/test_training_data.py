import json
import random

import pytest
from tiny_run import tiny_config, write_data

from gmsa_training.config import DataConfig
from gmsa_training.data.jsonl import DataError, read_jsonl
from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.opening import open_questions
from gmsa_training.data.questions.source import Wanted
from gmsa_training.data.training_data import load_training_data


def encode(texts):
    return [[ord(character) for character in text] for text in texts]


@pytest.mark.parametrize("name", ["squad.dev.jsonl.gz", "nq.test.jsonl", "prose.heldout.jsonl.gz"])
def test_files_for_measuring_are_refused(tmp_path, name):
    for config in (DataConfig(prose=[name]), DataConfig(qa={name: 1.0})):
        with pytest.raises(DataError, match="for measuring only"):
            load_training_data(tmp_path, config, encode)


def test_validation_paragraphs_are_never_drawn(tmp_path):
    folder = write_data(tmp_path)
    source = load_training_data(folder, tiny_config("unused").data, encode).questions[0][0]
    texts = [row["text"] for row in read_jsonl(folder / "toy.train.jsonl.gz")]
    assert [one.text for one in source.paragraphs] == texts[:35]
    assert list(dict.fromkeys(item.passages[0] for item in source.validation)) == texts[35:]
    assert len(source.validation) == sum(1 + i % 3 for i in range(35, 40))


def rows(path, passages, answer):
    row = {"id": "1", "question": "q?", "answers": [answer], "passages": passages}
    path.write_text(json.dumps(row) + "\n")
    return path


def test_passages_that_hold_the_answer_survive_the_cut(tmp_path):
    passages = [{"title": "", "text": f"{i} " + "filler " * 60} for i in range(20)]
    passages[13]["text"] += "Paris"
    path = rows(tmp_path / "x.train.jsonl", passages, "Paris")
    source = open_questions(path, DataConfig(max_context_tokens=300))
    draw = random.Random(0)
    places = set()
    for _ in range(40):
        item = source.draw(draw, Wanted())
        held = [i for i, passage in enumerate(item.passages) if "Paris" in passage]
        assert len(held) == 1 and len(item.passages) < 20
        places.add(held[0])
    assert len(places) > 1  # the passages are shuffled


def test_a_passage_starts_with_its_title(tmp_path):
    path = rows(tmp_path / "x.train.jsonl", [{"title": "Rome", "text": "is old"}], "old")
    assert open_questions(path, DataConfig()).draw(random.Random(0), Wanted()).passages == ["Rome\nis old"]


def test_a_file_without_questions_is_refused(tmp_path):
    path = rows(tmp_path / "x.train.jsonl", [{"title": "", "text": "a"}], "a" * 500)
    with pytest.raises(DataError, match="no questions"):
        open_questions(path, DataConfig())


def test_prose_windows_are_pieces_of_the_documents():
    texts = ["alpha beta gamma " * 400, "short one"]
    source = ProseSource(texts)
    draw = random.Random(0)
    windows = [source.draw(draw, 64) for _ in range(50)]
    assert all(any(window in text for text in texts) for window in windows)
    assert all(len(window) >= 64 * 4 for window in windows if window != "short one")


@pytest.mark.parametrize(("line", "message"), [("{bad", "line 2, is not JSON"), ("[1]", "line 2, is not a JSON object")])
def test_a_malformed_line_is_named(tmp_path, line, message):
    path = tmp_path / "x.jsonl"
    path.write_text('{"a": 1}\n' + line + "\n")
    with pytest.raises(DataError, match=message):
        list(read_jsonl(path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no data file"):
        list(read_jsonl(tmp_path / "absent.jsonl"))
