"""Straight-through, mixed-precision training at the cost of plain training.

The weights in the model hold the values that the forward pass shall use (on the integer grid once quantisation is on,
in bf16 if so configured), and the optimiser works on f32 masters that get the gradient of those values: the
straight-through estimator, but every weight is quantised once a step instead of at every use of it."""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

from gmsa_training.model import GmsaModel, GridEmbedding, GridLinear
from gmsa_training.quantization import to_int4_grid, to_int8_grid

_GRIDS = {"int4": to_int4_grid, "int8": to_int8_grid, "none": lambda weight: weight}


class Masters:
    """f32 masters of all parameters of a model, and their way into it.

    Made from a model in f32. `trained` are the optimiser's parameters, one for each of the `trainable` ones, in their
    order. Frozen parameters are written only when the precision or the grid changes.
    """

    def __init__(self, model: GmsaModel, trainable: list[nn.Parameter]) -> None:
        kinds: dict[int, str] = {}
        for module in model.modules():
            # A low-rank update changes the weight at every use, so such a layer quantises in its forward pass.
            kind = {GridLinear: "int4", GridEmbedding: "int8"}.get(type(module))
            if kind and getattr(module, "lora_a", None) is None:
                kinds[id(module.weight)] = kind
        wanted = {id(parameter) for parameter in trainable}
        groups: dict[tuple[str, torch.Size], list[nn.Parameter]] = defaultdict(list)
        self._frozen: list[tuple[str, Tensor, nn.Parameter]] = []
        for parameter in model.parameters():
            kind = kinds.get(id(parameter), "none")
            if id(parameter) in wanted:
                groups[kind, parameter.shape].append(parameter)
            else:
                self._frozen.append((kind, parameter.detach().clone(), parameter))
        self._groups: list[tuple[str, Tensor, list[nn.Parameter]]] = []
        master_of: dict[int, nn.Parameter] = {}
        for (kind, _), parameters in groups.items():
            # One tensor for all parameters of a shape: a handful of kernels quantises the whole model.
            stacked = torch.stack([parameter.detach() for parameter in parameters])
            self._groups.append((kind, stacked, parameters))
            for parameter, master in zip(parameters, stacked.unbind()):
                master_of[id(parameter)] = nn.Parameter(master)
        self._trainable = trainable
        self.trained = [master_of[id(parameter)] for parameter in trainable]
        self._frozen_state: tuple[torch.dtype, bool, bool] | None = None

    @torch.no_grad()
    def take_gradients(self) -> None:
        """Moves the gradients from the model's parameters to their masters, as f32."""
        for parameter, master in zip(self._trainable, self.trained):
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None

    @torch.no_grad()
    def write(self, dtype: torch.dtype, linear_grid: bool, embedding_grid: bool) -> None:
        """Puts the masters into the model, through their grids where these are on, in the given precision."""
        active = {"int4": linear_grid, "int8": embedding_grid, "none": True}
        for kind, stacked, parameters in self._groups:
            values = (_GRIDS[kind](stacked) if active[kind] else stacked).to(dtype)
            for parameter, value in zip(parameters, values.unbind()):
                if parameter.dtype == dtype:
                    parameter.data.copy_(value)
                else:
                    parameter.data = value.clone()
        state = (dtype, linear_grid, embedding_grid)
        if state != self._frozen_state:
            for kind, value, parameter in self._frozen:
                parameter.data = (_GRIDS[kind](value) if active[kind] else value).to(dtype, copy=True)
            self._frozen_state = state
