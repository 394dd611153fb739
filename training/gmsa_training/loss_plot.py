"""Loss curves by objective and rate: `python -m gmsa_training.loss_plot metrics.jsonl out.svg`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def plot_losses(metrics: Path, out: Path, title: str) -> None:
    """Training losses as thin lines, validation losses as dots, over optimiser steps (nats a token, logarithmic)."""
    entries = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    objectives = sorted({name.split("/")[0] for entry in entries for name in entry["loss"]})
    if not objectives:
        return
    figure, axes = plt.subplots(1, len(objectives), figsize=(5.5 * len(objectives), 4), squeeze=False)
    for axis, objective in zip(axes[0], objectives):
        names = {name for entry in entries for name in entry["loss"] if name.startswith(f"{objective}/")}
        for number, name in enumerate(sorted(names, key=lambda name: int(name.split("/")[1]))):
            for kind, style in (("train", {"lw": 0.8}), ("validation", {"ls": "none", "marker": "o", "ms": 3})):
                points = [(e["step"], e["loss"][name]) for e in entries if e["kind"] == kind and name in e["loss"]]
                if points:
                    label = f"{name.split('/')[1]}x" if kind == "train" else None
                    axis.plot(*zip(*points), color=f"C{number}", label=label, **style)
        axis.set(title=objective, xlabel="step", ylabel="nats a token", yscale="log")
        axis.grid(alpha=0.3, which="both")
        axis.legend()
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    plot_losses(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[1]).parent.name)
