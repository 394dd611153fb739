"""The asking objective, and questions that a model makes on prose."""

from __future__ import annotations

import gzip
import itertools
import json
import random
from pathlib import Path

import pytest
from tiny_run import tiny_config, write_base, write_data

from gmsa_training.data.prose import ProseSource
from gmsa_training.data.questions.opening import open_questions
from gmsa_training.data.questions.source import Questions, Wanted
from gmsa_training.training.train import Trainer
from scripts import ask_prose
from scripts.ask_prose import Passage, chunks, is_kept, passages

PROSE = [
    f"In {1900 + i} the painter Anna Reed moved to the town of Bergen, where she sold {i + 3} wooden ships."
    " The harbour was frozen for most of the winter, and few people came to see her."
    for i in range(40)
]
FULL = {"method": "full", "rates": [1], "default_rate": 1, "segment_length": 64, "window": 1024}


@pytest.fixture(scope="module")
def asker(tmp_path_factory) -> tuple[Path, Path]:
    """Packed weights that were trained to ask, and a folder of data."""
    folder = tmp_path_factory.mktemp("asking")
    data = write_data(folder / "data")
    base = write_base(folder / "base")
    stage = {"trainable": ["decoder"], "objectives": {"asking": 1.0}, "rates": {1: 1.0}}
    config = tiny_config(base, model=FULL, stage=stage)
    config.data.typed = 1.0
    Trainer(config, data, folder / "run").run()
    return folder / "run" / "packed", data


def test_asking_is_trained_and_validated(asker):
    lines = [json.loads(line) for line in (asker[0].parent / "metrics.jsonl").read_text().splitlines()]
    assert {"asking/1"} == set(lines[0]["loss"]) and "asking/1" in lines[-1]["loss"] and lines[-1]["kind"] == "validation"


def test_the_question_follows_its_answer_as_it_was_written(asker, tmp_path):
    config = tiny_config(asker[1].parent / "base", model=FULL, stage={"trainable": ["decoder"], "rates": {1: 1.0}})
    config.data.typed = 1.0
    trainer = Trainer(config, asker[1], tmp_path / "out")
    decode = trainer.maker.data.encode
    item = Questions([("What colour is the door?", "red"), ("Who knows?", None)], ["The door is red."])
    ((prompt, target),) = trainer.maker.asking(item, 1).turns
    assert [prompt, target[:-1]] == decode(["\n\nAnswer: red\nQuestion:", " What colour is the door?"]) and target[-1] == 2
    assert trainer.maker.asking(Questions([("Who knows?", None)], ["No."]), 1) is None
    drawn = trainer.maker.data.draw_questions(random.Random(0), Wanted(), "asking")
    assert all(question.startswith("What colour") and question.endswith("?") for question, _ in drawn.turns)


def test_passages_hold_each_of_their_answers_once_and_have_the_title_of_their_text():
    found = list(itertools.islice(passages(ProseSource(PROSE, [f"Ship {i}" for i in range(40)]), random.Random(0)), 30))
    assert all(f"In {1900 + int(one.title.removeprefix('Ship '))} " in one.text for one in found)
    assert not next(passages(ProseSource(PROSE), random.Random(0))).title
    assert all(one.text.count(answer) == 1 for one in found for answer in one.answers)
    answers = {answer for one in found for answer in one.answers}
    assert {"Bergen", "Anna Reed"} & answers and any(answer.isdigit() for answer in answers)


@pytest.mark.parametrize(
    "question, given, expected",
    [
        ("Who moved to Bergen in 1901?", "Anna Reed", True),
        ("Who moved to Bergen in 1901?", "the Anna Reed", True),
        ("Who moved to Bergen in 1901?", "Bergen", False),
        ("Who moved to Bergen in 1901", "Anna Reed", False),
        ("Who is Anna Reed of Bergen?", "Anna Reed", False),
        ("Who was it?", "Anna Reed", False),
    ],
)
def test_a_question_is_kept_if_it_is_answered_as_it_was_meant(question, given, expected):
    assert is_kept(question, "Anna Reed", given) == expected


def test_chunks_have_about_as_many_questions_as_wanted():
    found = chunks(iter(Passage(str(i), ("a", "b")) for i in range(1000)), 64)
    sizes = [sum(len(one.answers) for one in next(found)) for _ in range(3)]
    assert all(64 <= size < 96 for size in sizes)


def run(asker, out, *more) -> int:
    packed, data = asker
    (data / "told.jsonl").write_text("".join(json.dumps({"title": "Told", "text": text}) + "\n" for text in PROSE))
    given = ["--asker", packed, "--answerer", packed, "--prose", data / "told.jsonl", "--out", out, "--batch-size", 8, *more]
    return ask_prose.main([str(one) for one in given])


def test_what_is_kept_can_be_trained_on(asker, tmp_path, monkeypatch, capsys):
    # Two steps of training make no questioner: what the models would say is put in their place.
    monkeypatch.setattr(ask_prose, "is_kept", lambda question, answer, given: True)
    out = tmp_path / "asked.train.jsonl.gz"
    assert run(asker, out, "--count", 20) == 0
    assert "100 %" in capsys.readouterr().out and not (tmp_path / "asked.train.jsonl.gz.partial").exists()
    rows = [json.loads(line) for line in gzip.open(out, "rt")]
    assert {row["title"] for row in rows} == {"Told"}
    assert 20 <= sum(len(row["qas"]) for row in rows) and all(qa["answers"][0] in row["text"] for row in rows for qa in row["qas"])
    source = open_questions(out, tiny_config("unused").data)
    assert source.draw(random.Random(0), Wanted()).turns


def test_without_agreement_nothing_is_kept_and_the_time_ends_it(asker, tmp_path, capsys):
    assert run(asker, tmp_path / "none.jsonl.gz", "--seconds", 0.5) == 0
    assert "0 questions, 0 %" in capsys.readouterr().out


def test_bad_input_is_told_before_anything_is_made(asker, tmp_path, capsys):
    packed, data = asker
    (data / "prose.heldout.jsonl").write_text('{"text": "x"}\n')
    base = ["--asker", str(packed), "--answerer", str(packed), "--out", str(tmp_path / "x.jsonl.gz")]
    assert ask_prose.main([*base, "--prose", str(data / "prose.heldout.jsonl"), "--count", "1"]) == 1
    assert "measuring only" in capsys.readouterr().err
    assert ask_prose.main([*base, "--prose", str(data / "missing.jsonl"), "--count", "1"]) == 1
    with pytest.raises(SystemExit):
        ask_prose.main([*base, "--prose", str(data / "prose.jsonl")])
    with pytest.raises(SystemExit):
        ask_prose.main([*base, "--prose", str(data / "prose.jsonl"), "--count", "0"])
    (tmp_path / "x.jsonl.gz").write_text("")
    with pytest.raises(SystemExit):
        ask_prose.main([*base, "--prose", str(data / "prose.jsonl"), "--count", "1"])
    assert not list(tmp_path.glob("*.partial"))
