"""Facts hidden in long prose."""

from __future__ import annotations

import json

import pytest
from export_models import tiny_tokenizer
from recording_runtime import RecordingRuntime
from tiny_checkpoint import write_checkpoint, write_data

from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.evaluate import main
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.metrics import holds_answer
from gmsa_training.evaluation.needle import Haystack, make_needles, needle_scores

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
    scores = needle_scores(needles, records)
    assert scores["accuracy/300"]["value"] == 0.5 and scores["accuracy/300"]["n"] == 4 and scores["accuracy/600"]["value"] == 0
    assert scores["accuracy/300/0.00"] == 0 and scores["accuracy/300/1.00"] == 1


def test_the_command_measures_the_lengths_that_fit_the_window(tmp_path, capsys):
    packed, _ = write_checkpoint(tmp_path)
    data = write_data(tmp_path / "data")
    results = tmp_path / "results.jsonl"
    common = ["--checkpoint", packed, "--data", data / "prose.heldout.jsonl.gz", "--task", "needle", "--rate", 8, "--results", results]
    assert main([str(one) for one in [*common, "--lengths", 512, 1024, 99_000, "--depths", 2, "--count", 1]]) == 0
    (line,) = map(json.loads, results.read_text().splitlines())
    assert line["task"] == "needle" and line["n"] == 4 and "accuracy/99000" not in line["metrics"]
    assert line["metrics"]["mean_read"] < line["metrics"]["mean_tokens"] / 7
    assert {"accuracy/512", "accuracy/1024/1.00"} <= line["metrics"].keys()
    assert "accuracy/1024" in capsys.readouterr().out
    assert main([str(one) for one in [*common, "--lengths", 99_000]]) == 1
    assert "window of 1024" in capsys.readouterr().err
