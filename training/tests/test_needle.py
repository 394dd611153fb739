"""Facts hidden in long prose."""

from __future__ import annotations

import json

import pytest
from export_models import tiny_tokenizer
from recording_runtime import RecordingRuntime
from tiny_checkpoint import write_checkpoint, write_data

from gmsa_training.data.jsonl import DataError
from gmsa_training.data.qa_data import read_questions
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.metrics import holds_answer
from gmsa_training.evaluation.needle import main, needle_scores
from gmsa_training.evaluation.needles import Haystack, make_needles
from gmsa_training.evaluation.plots import plot_needles

WORDS = "The harbour was quiet. Boats lay at the quay. Gulls circled above the market. It rained on the third day. "
DOCUMENTS = [f"Document {i} begins. {WORDS * 5}" for i in range(12)]


@pytest.fixture(scope="module")
def gmsa():
    return Gmsa(RecordingRuntime(tiny_tokenizer()), 4)


@pytest.fixture(scope="module")
def haystack(gmsa):
    return Haystack(DOCUMENTS, gmsa.encode)


def test_needles_are_the_same_each_time_and_other_ones_for_another_seed(haystack):
    first, again, other = (make_needles(haystack, [500], [0.0, 1.0], 3, seed) for seed in (0, 0, 1))
    assert first == again and len(first) == 6
    assert len({one.question.context for one in first}) == 6
    assert not {one.question.context for one in first} & {one.question.context for one in other}


def test_a_context_holds_the_answer_once_at_its_depth_and_has_its_length(gmsa, haystack):
    for one in make_needles(haystack, [400, 900], [0.0, 0.5, 1.0], 4):
        text, (answer,) = one.question.context, one.question.answers
        place = text.index(answer) / len(text)
        assert text.count(answer) == 1 and abs(place - one.depth) < 0.15
        tokens = len(gmsa.encode([text])[0])
        assert 0.9 * one.length <= tokens <= 1.02 * one.length
        assert not holds_answer(text.replace(answer, ""), [answer])
        assert answer not in one.question.question


def test_facts_are_of_several_kinds(haystack):
    found = make_needles(haystack, [300], [0.5], 60)
    starts = {" ".join(one.question.question.split()[:3]) for one in found}
    assert len(starts) >= 5 and len({one.question.answers for one in found}) > 55


def test_prose_that_is_too_short_is_an_error(haystack):
    with pytest.raises(DataError, match="too short"):
        make_needles(haystack, [100_000], [0.5], 1)


def test_accuracy_is_given_by_length_and_depth(haystack):
    needles = make_needles(haystack, [300, 600], [0.0, 1.0], 2)
    records = [{"id": one.question.id, "accuracy": float(one.depth == 1 and one.length == 300)} for one in needles]
    scores = needle_scores(needles, records[:-1], [1200])
    assert [(one["length"], one["n"], one["accuracy"]["value"]) for one in scores["lengths"]] == [(300, 4, 0.5), (600, 3, 0.0)]
    assert scores["lengths"][0]["depths"] == [{"depth": 0.0, "n": 2, "accuracy": 0}, {"depth": 1.0, "n": 2, "accuracy": 1}]
    assert scores["lengths"][1]["depths"][1]["n"] == 1 and scores["over_window"] == [1200]


def test_the_command_measures_plots_and_writes_the_questions(tmp_path, capsys):
    packed, _ = write_checkpoint(tmp_path)
    data = write_data(tmp_path / "data")
    out, plot, written = tmp_path / "needle.json", tmp_path / "needle.svg", tmp_path / "questions.jsonl"
    arguments = ["--checkpoint", packed, "--prose", data / "prose.heldout.jsonl.gz", "--lengths", 512, 1024, 99_000]
    arguments += ["--depths", 2, "--count", 1, "--json", out, "--plot", plot, "--write", written]
    assert main([str(one) for one in arguments]) == 0
    report = json.loads(out.read_text())
    assert report["scores"]["over_window"] == [99_000] and report["scores"]["n"] == 4
    assert report["scores"]["mean_read"] < report["scores"]["mean_tokens"] / 7
    assert report["settings"]["kind"] == "needle" and report["settings"]["weights"] == "RUNS/run/packed"
    printed = capsys.readouterr().out
    assert "1024 tokens, n = 2" in printed and "99000 tokens: over the window" in printed
    assert len(read_questions(written)) == 4 and json.loads(written.read_text().splitlines()[0])["length"] == 512
    svg = plot.read_text()
    assert "source tokens" in svg and len(svg) < 200_000
    plot_needles(report, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == svg
    too_long = [str(one) for one in ["--checkpoint", packed, "--prose", data / "prose.heldout.jsonl.gz", "--lengths", 99_000]]
    assert main(too_long) == 1
    assert "window of 1024" in capsys.readouterr().err
