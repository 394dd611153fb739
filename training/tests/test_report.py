"""Tables, plots and ratios."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from gmsa_training.data.jsonl import DataError
from gmsa_training.evaluation import mixed_rates
from gmsa_training.evaluation.metrics import ratio_with_interval
from gmsa_training.evaluation.report import BEGIN, END, draw, main, page, write_page
from gmsa_training.evaluation.results import collect, command_of, ratios
from gmsa_training.evaluation.tables import card_results, mixed_rates_table, other_table, percent, question_tables
from gmsa_training.evaluation.trainings import training_tables

MEAN = {"value": 0.5, "low": 0.4, "high": 0.6}


def result(**scores) -> dict:
    scores = {"em": MEAN, "f1": MEAN, "accuracy": MEAN, "n": 40, "of": 40, "mean_tokens": 100, "mean_read": 25} | scores
    return {"command": "python …", "settings": {"task": "gmsa", "rate": 8}, "scores": scores}


def report(values: dict[str, float]) -> dict:
    records = [{"id": name, "question": "Q", "em": value, "f1": value} for name, value in values.items()]
    return {"settings": {"model": "full-prompt"}, "records": records}


def test_a_ratio_of_equal_runs_is_one_and_its_interval_is_paired():
    draw_ = np.random.default_rng(0)
    values = draw_.random(200)
    same = ratio_with_interval(values, values)
    assert (same.value, same.low, same.high) == (1, 1, 1)
    half = ratio_with_interval(values / 2 + 0.01 * draw_.random(200), values)
    assert half.low < half.value < half.high and half.high - half.low < 0.01  # unpaired it would be some 0.08
    shuffled = ratio_with_interval(values / 2, draw_.permutation(values))
    assert shuffled.high - shuffled.low > 0.04
    assert ratio_with_interval([1.0, 0.0], [0.0, 0.0]) is None and ratio_with_interval([], []) is None


def test_ratios_are_of_the_questions_that_both_answered():
    found = ratios(report({"a": 0.5, "b": 0.25, "c": 1.0}), report({"b": 0.5, "a": 1.0, "d": 0.0}))
    assert found["n"] == 2 and found["f1"]["value"] == pytest.approx(0.5) and found["model"] == "full-prompt"


def test_mixed_rates_have_a_table_of_losses_by_who_chooses():
    losses = {name: {"value": value, "low": value - 0.1, "high": value + 0.1} for name, value in zip("abcde", (0.5, 0.4, 0.3, 0.25, 0.2))}
    pair = {"coarse_rate": 8, "fine_rate": 4, "losses": losses, "gained": MEAN}
    mixed = {"command": "…", "settings": {"kind": "mixed_rates"}, "scores": {"pairs": [pair], "n": 25, "of": 204}}
    (row,) = mixed_rates_table({"m": mixed, "questions--squad--GMSA-4x": result()})[2:-1]
    assert row.startswith("| 8x and 4x | 25 of 204 | 0.500 [0.400, 0.600] | 0.400 [") and row.endswith("| 50.0 [40.0, 60.0] |")
    assert other_table({"m": mixed}) == [] == mixed_rates_table({"questions--squad--GMSA-4x": result()})
    assert "## Mixed rates" in page({"m": mixed}, [])


def test_a_row_without_a_result_says_so_and_a_sample_tells_its_size():
    assert percent(None) == "–" and percent(0.123) == "12.3" and percent(MEAN) == "50.0 [40.0, 60.0]"
    lines = question_tables({"questions--squad--GMSA-4x": result(n=12)})
    (row,) = (line for line in lines if line.startswith("| GMSA 4x |"))
    assert row == "| GMSA 4x | 12 of 40 | 100 → 25 | 50.0 [40.0, 60.0] | 50.0 [40.0, 60.0] | 50.0 [40.0, 60.0] | – | – |"
    assert "| GMSA 8x | not measured |  |  |  |  |  |  |" in lines
    more = question_tables({"questions--squad--GMSA-16x": result()})
    assert sum(line.startswith("| GMSA 16x | 40 |") for line in more) == 1
    assert question_tables({}) == ["Not measured yet (112 rows).", ""]
    assert "### hotpotqa" in lines and not any("nan" in line for line in lines)
    assert card_results({}) == []


def test_the_command_of_a_measurement_of_mixed_rates_is_one_that_it_takes():
    settings = {"source": "checkpoint", "weights": "../models/NAME", "data": "prose.heldout.jsonl.gz", "kind": "mixed_rates"}
    settings |= {"task": "mixed_rates", "rates": [8, 4], "segments": 8, "limit": None, "device": "cpu", "dtype": "fp32"}
    command = command_of(settings).split()
    assert command[:4] == ["python", "-m", "gmsa_training", "mixed_rates"]
    parser = mixed_rates.parser()
    options = parser.parse_args(command[4:])
    mixed_rates.check(parser, options)
    assert (options.rates, options.segments, options.dtype) == ([8, 4], 8, "fp32")


def test_the_rest_of_a_page_stays_and_a_page_without_the_marks_is_refused(tmp_path):
    page = tmp_path / "results.md"
    page.write_text(f"# Results\n\nBefore.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    write_page(page, "new\n")
    assert page.read_text() == f"# Results\n\nBefore.\n\n{BEGIN}\nnew\n{END}\n\nAfter.\n"
    page.write_text("# Mine\n")
    with pytest.raises(DataError, match="needs the two lines"):
        write_page(page, "new\n")
    assert page.read_text() == "# Mine\n"


def test_losses_of_several_runs_are_drawn_on_one_plot(tmp_path):
    folder = tmp_path / "curves" / "paradigms"
    folder.mkdir(parents=True)
    for name, loss in (("gmsa", 1.0), ("tcp", 2.0)):
        lines = [{"kind": "train", "step": step, "loss": {"autoencoding/4": loss / step}} for step in (1, 2, 3)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    ((caption, path),) = draw({}, tmp_path / "curves", tmp_path / "out")
    assert caption == "Losses: paradigms" and path.name == "curves-paradigms.svg" and path.stat().st_size < 200_000
    other = {"kind": "train", "step": 1, "loss": {"qa/4": 1.0}}
    (folder / "tcp.jsonl").write_text(json.dumps(other) + "\n")
    with pytest.raises(DataError, match="two of the runs"):
        draw({}, tmp_path / "curves", tmp_path / "out")
    (folder / "tcp.jsonl").unlink()
    ((_, path),) = draw({}, tmp_path / "curves", tmp_path / "out")
    drawn = path.read_text()
    assert "autoencoding" in drawn and "4x" in drawn and not re.search(r"\d\.\d{3}", drawn)


def test_trainings_are_compared_at_the_end_of_the_shortest(tmp_path):
    folder = tmp_path / "decoder"
    folder.mkdir()

    def run(name: str, losses: dict[int, dict[str, float]], kind: str = "validation") -> None:
        lines = [{"kind": kind, "step": step, "loss": loss} for step, loss in losses.items()]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    run("frozen", {400: {"qa/4": 3.0, "qa/8": 3.5}, 760: {"qa/4": 2.0, "qa/8": 2.5, "cloze/4": 1.0}})
    assert training_tables(tmp_path) == []  # nothing to compare with
    run("trained", {740: {"qa/2": 0.5, "qa/4": 1.0}, 2000: {"qa/4": 0.1}})
    run("never-validated", {760: {"qa/4": 9.0}}, "train")
    title, _, head, _, *rows, _ = training_tables(tmp_path)
    assert (title, head) == ("### decoder", "|  | step | qa, 2x / 4x / 8x |")
    assert rows == ["| frozen | 760 | – / 2.000 / 2.500 |", "| trained | 740 | 0.500 / 1.000 / – |"]
    assert "## Trainings compared" in page({}, [], [title]) and "## Trainings compared" not in page({}, [])


def test_plots_are_the_same_for_the_same_results_and_old_ones_go(tmp_path):
    results = {"questions--squad--GMSA-4x": result(), "questions--nq_oracle--GMSA-8x": result()}
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.svg").write_text("<svg/>")
    ((_, path),) = draw(results, tmp_path / "curves", tmp_path / "out")
    first = path.read_bytes()
    draw(results, tmp_path / "curves", tmp_path / "out")
    assert path.read_bytes() == first and b"GMSA 8x" in first
    assert not (tmp_path / "out" / "old.svg").exists()


def test_the_page_in_the_repository_is_what_its_results_give(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "results.md"
    shutil.copy(page, tmp_path / "results.md")
    assert main(["--docs", str(tmp_path)]) == 0
    assert (tmp_path / "results.md").read_text() == page.read_text()


def test_what_is_no_report_is_told_in_words(tmp_path, capsys):
    (tmp_path / "a.json").write_text('{"scores": 1}')
    with pytest.raises(DataError, match="no report"):
        collect(tmp_path, tmp_path / "results")
    assert main(["--results", str(tmp_path), "--docs", str(tmp_path / "docs")]) == 1
    assert "a.json is no report" in capsys.readouterr().err
    assert not (tmp_path / "docs").exists()
