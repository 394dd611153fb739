"""Trainings beside each other: validation losses of the runs of each figure in `training/results/curves/`, at the end of the
shortest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gmsa_training.evaluation.tables import markdown
from gmsa_training.training.loss_plot import read_losses


def figures(curves: Path) -> dict[str, dict[str, Path]]:
    """Figure -> run -> metrics. curves: FIGURE/RUN.jsonl."""
    folders = sorted(one for one in curves.glob("*") if one.is_dir())
    return {folder.name: {one.stem: one for one in sorted(folder.glob("*.jsonl"))} for folder in folders}


def validations_at_the_end(runs: dict[str, Path]) -> dict[str, dict[str, Any]]:
    """Of each run the entry of validation losses nearest to the last one of the run that was ended first; runs without any are
    left out. runs: name -> metrics.jsonl."""
    read = {run: [entry for entry in read_losses(path) if entry["kind"] == "validation"] for run, path in runs.items()}
    found = {run: entries for run, entries in read.items() if entries}
    end = min((entries[-1]["step"] for entries in found.values()), default=0)
    return {run: min(entries, key=lambda entry: abs(entry["step"] - end)) for run, entries in found.items()}


def _by_objective(losses: dict[str, float]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for name, loss in losses.items():
        objective, rate = name.split("/")
        found.setdefault(objective, {})[int(rate)] = loss
    return found


def _cell(losses: dict[int, float], rates: list[int]) -> str:
    return " / ".join(f"{losses[rate]:.3f}" if rate in losses else "–" for rate in rates) if losses else "–"


def _table(runs: dict[str, dict[str, Any]]) -> list[str]:
    """runs: name -> validation losses. One column an objective that two runs have, with a loss for each rate in it."""
    found = {run: _by_objective(entry["loss"]) for run, entry in runs.items()}
    having = [objective for losses in found.values() for objective in losses]
    objectives = [one for one in dict.fromkeys(having) if having.count(one) > 1]
    rates = {one: sorted({rate for losses in found.values() for rate in losses.get(one, {})}) for one in objectives}
    columns = ["", "step", *(f"{one}, {' / '.join(f'{rate}x' for rate in rates[one])}" for one in objectives)]
    rows = [[run, str(runs[run]["step"]), *(_cell(losses.get(one, {}), rates[one]) for one in objectives)] for run, losses in found.items()]
    return markdown(columns, rows)


def training_tables(curves: Path) -> list[str]:
    """A table for each figure of two runs or more. curves: FIGURE/RUN.jsonl."""
    lines: list[str] = []
    for figure, metrics in figures(curves).items():
        runs = validations_at_the_end(metrics)
        if len(runs) > 1:
            lines += [f"### {figure}", "", *_table(runs), ""]
    return lines
