"""Plots of results, as SVG or PNG. The same results give the same file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

# Hundredths of a point are enough, and make curves half as large.
_LONG_NUMBER = re.compile(r"\d+\.\d{3,}")
_STABLE = {"svg.fonttype": "none", "svg.hashsalt": "gmsa"}


def save(figure: Figure, path: Path) -> None:
    """Writes a figure, the same file whenever it is drawn again, and closes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    with matplotlib.rc_context(_STABLE):
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
    if path.suffix == ".svg":
        text = path.read_text(encoding="utf-8")
        path.write_text(_LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", text), encoding="utf-8")
    plt.close(figure)


def plot_needles(report: dict[str, Any], path: Path) -> None:
    """Heat map of the accuracy by length and depth; a cell without questions stays white."""
    lengths = report["scores"]["lengths"]
    depths = sorted({cell["depth"] for one in lengths for cell in one["depths"]})
    values = [
        [{cell["depth"]: cell["accuracy"] for cell in one["depths"]}.get(depth, float("nan")) for one in lengths]
        for depth in depths
    ]
    figure, axis = plt.subplots(figsize=(1.6 + 0.9 * len(lengths), 0.9 + 0.34 * len(depths)))
    image = axis.imshow(values, vmin=0, vmax=1, cmap="viridis", aspect="auto")
    axis.set_xticks(range(len(lengths)), [f"{one['length'] / 1024:g}k" for one in lengths])
    axis.set_yticks(range(len(depths)), [f"{100 * depth:.0f} %" for depth in depths])
    axis.set(xlabel="source tokens", ylabel="depth of the fact")
    settings = report["settings"]
    rate = f", {settings['rate']}x" if settings["rate"] else ""
    axis.set_title(f"{settings['task']}{rate}: share found", fontsize=10)
    figure.colorbar(image)
    save(figure, path)


def plot_bars(groups: Sequence[str], series: dict[str, Sequence[dict[str, float] | None]], label: str, path: Path) -> None:
    """Grouped bars with their 95 % intervals, in percent. series: name -> a mean ({value, low, high}) a group; None
    leaves a gap."""
    figure, axis = plt.subplots(figsize=(max(6.0, 1.5 * len(groups)), 4))
    width = 0.84 / max(1, len(series))
    for number, (name, means) in enumerate(series.items()):
        known = [(place, mean) for place, mean in enumerate(means) if mean is not None]
        values = [100 * mean["value"] for _, mean in known]
        errors = [
            [100 * max(0.0, mean["value"] - mean["low"]) for _, mean in known],
            [100 * max(0.0, mean["high"] - mean["value"]) for _, mean in known],
        ]
        places = [place + (number - (len(series) - 1) / 2) * width for place, _ in known]
        axis.bar(places, values, width, yerr=errors, error_kw={"lw": 0.7}, label=name)
    axis.set_xticks(range(len(groups)), groups, rotation=20, ha="right")
    axis.set(ylabel=label)
    axis.grid(axis="y", alpha=0.3)
    axis.legend(fontsize=7, ncols=2)
    save(figure, path)
