"""Loss curves by objective and rate, of one run or of several on one plot:

    python -m gmsa_training loss_plot RUN/metrics.jsonl loss.svg
    python -m gmsa_training loss_plot RUN/metrics.jsonl OTHER/metrics.jsonl comparison.svg"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from gmsa_training.evaluation.plots import save

_POINTS = 120  # of a line, so that a plot of several runs stays small
_COLUMNS = 4

_STYLES = {"train": {"lw": 0.8}, "validation": {"ls": "none", "marker": "o", "ms": 3}}


def read_losses(metrics: Path) -> list[dict[str, Any]]:
    return [entry for entry in map(json.loads, metrics.read_text(encoding="utf-8").splitlines()) if "loss" in entry]


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Means of neighbouring points where there are more than _POINTS. points: at least one."""
    size = -(-len(points) // _POINTS)
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(x for x, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def _draw(axis: Axes, entries: list[dict[str, Any]], name: str, number: int, label: str) -> None:
    """Training losses as a thin line, validation losses as dots, over optimiser steps."""
    for kind, style in _STYLES.items():
        points = [(e["step"], e["loss"][name]) for e in entries if e["kind"] == kind and name in e["loss"]]
        if points:
            axis.plot(*zip(*_thinned(points)), color=f"C{number}", label=label, **style)
            label = "_"  # named once


def _panels(count: int, width: float) -> tuple[Any, Any]:
    """A figure of at least so many panels, up to _COLUMNS side by side."""
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    return plt.subplots(rows, columns, figsize=(width * columns, 4 * rows), squeeze=False)


def _save(figure: Any, axes: Any, titles: list[str], out: Path, title: str) -> None:
    for axis, name in zip(axes.flat, titles):
        unit = "unexplained share" if name.split("/")[0] in ("states", "context") else "nats a token"
        axis.set(title=name, xlabel="step", ylabel=unit, yscale="log")
        axis.grid(alpha=0.3)
        axis.legend()
    for axis in axes.flat[len(titles) :]:
        axis.set_axis_off()
    figure.suptitle(title)
    save(figure, out)


def plot_losses(metrics: Path, out: Path, title: str) -> None:
    """One panel an objective, one colour a rate (nats a token, logarithmic)."""
    entries = read_losses(metrics)
    names = sorted({name for entry in entries for name in entry["loss"]}, key=lambda name: int(name.split("/")[1]))
    objectives = sorted({name.split("/")[0] for name in names})
    if not objectives:
        return
    figure, axes = _panels(len(objectives), 5.5)
    for axis, objective in zip(axes.flat, objectives):
        for number, name in enumerate(name for name in names if name.startswith(f"{objective}/")):
            _draw(axis, entries, name, number, f"{name.split('/')[1]}x")
    _save(figure, axes, objectives, out, title)


def compare_losses(runs: dict[str, Path], out: Path, title: str = "") -> None:
    """One panel an objective and rate that two runs or more have, one colour a run. runs: name -> metrics.jsonl."""
    entries = {run: read_losses(path) for run, path in runs.items()}
    having = {run: {name for entry in found for name in entry["loss"]} for run, found in entries.items()}
    shared = {name for names in having.values() for name in names if sum(name in one for one in having.values()) > 1}
    names = sorted(shared, key=lambda name: (name.split("/")[0], int(name.split("/")[1])))
    if not names:
        raise ValueError("No objective and rate is in two of the runs.")
    figure, axes = _panels(len(names), 4.5)
    for axis, name in zip(axes.flat, names):
        for number, run in enumerate(run for run in entries):
            if name in having[run]:
                _draw(axis, entries[run], name, number, run)
    _save(figure, axes, names, out, title)


def draw_losses(runs: dict[str, Path], out: Path, title: str = "") -> None:
    """One run by objective, or several beside each other. runs: name -> metrics.jsonl."""
    if len(runs) == 1:
        plot_losses(*runs.values(), out, *runs)
    else:
        compare_losses(runs, out, title)


def main(arguments: list[str]) -> int:
    if len(arguments) < 2 or arguments[0].startswith("-"):
        print("usage: python -m gmsa_training loss_plot METRICS.jsonl… FIGURE.svg  (one run, or several to compare)", file=sys.stderr)
        return 0 if arguments[:1] in (["--help"], ["-h"]) else 2
    *paths, target = map(Path, arguments)
    runs = {path.parent.name: path for path in paths}
    try:
        if len(runs) < len(paths):
            raise ValueError("Two of the runs are in folders of the same name, which is what a run is called here; rename one.")
        draw_losses(runs, target)
    except (OSError, ValueError) as error:
        print(f"loss_plot: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
