"""Straight-through, mixed-precision training at the cost of plain training.

The weights in the model hold the values that the forward pass shall use (on the integer grid once quantisation is on,
in bf16 if so configured), and the optimiser works on f32 masters that get the gradient of those values: the
straight-through estimator, but every weight is quantised once a step instead of at every use of it."""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import nn

from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.layers import GridEmbedding, GridLinear
from gmsa_training.model.quantization import to_int4_grid, to_int8_grid

_GRIDS = {"int4": to_int4_grid, "int8": to_int8_grid, "none": lambda weight: weight}


@dataclass
class _Group:
    """Parameters of one kind and shape. masters [N, ...]: those of the N parameters, stacked."""

    kind: str
    masters: nn.Parameter
    parameters: list[nn.Parameter]


class Masters:
    """f32 masters of all parameters of a model, and their way into it.

    Made from a model in f32. `trained` are the optimiser's parameters, one for all `trainable` parameters of a shape
    (stacked, so of one dimension more): a handful of kernels then quantises, clips, averages and updates the whole
    model. Frozen parameters are written only when the precision or the grid changes.
    """

    def __init__(self, model: GmsaModel, trainable: list[nn.Parameter]) -> None:
        kinds: dict[int, str] = {}
        for module in model.modules():
            # A low-rank update changes the weight at every use, so such a layer quantises in its forward pass.
            kind = {GridLinear: "int4", GridEmbedding: "int8"}.get(type(module))
            if kind and getattr(module, "lora_a", None) is None:
                kinds[id(module.weight)] = kind
        wanted = {id(parameter) for parameter in trainable}
        alike: dict[tuple[bool, str, torch.Size], list[nn.Parameter]] = defaultdict(list)
        for parameter in model.parameters():
            alike[id(parameter) in wanted, kinds.get(id(parameter), "none"), parameter.shape].append(parameter)
        self._groups: dict[bool, list[_Group]] = {True: [], False: []}  # by whether they are trained
        for (is_trained, kind, _), parameters in alike.items():
            stacked = nn.Parameter(torch.stack([parameter.detach() for parameter in parameters]), requires_grad=is_trained)
            self._groups[is_trained].append(_Group(kind, stacked, parameters))
        self.trained = [group.masters for group in self._groups[True]]
        self.as_module = nn.ParameterList(self.trained)  # for torch.optim.swa_utils
        # All gradients are views of one tensor, which processes reduce in one piece.
        sizes = [master.numel() for master in self.trained]
        self.gradients = torch.zeros(sum(sizes), device=next(model.parameters()).device)
        for master, part in zip(self.trained, self.gradients.split(sizes)):
            master.grad = part.view_as(master)
        self._gradients = [view for master in self.trained for view in master.grad.unbind()]
        self._frozen_state: tuple[torch.dtype, bool, bool] | None = None

    def decayed(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """The masters of matrices, which weight decay is for, and all others."""
        return [p for p in self.trained if p.dim() > 2], [p for p in self.trained if p.dim() <= 2]

    @torch.no_grad()
    def take_gradients(self) -> None:
        """Moves the gradients from the model's parameters to their masters, as f32."""
        targets, sources = [], []
        parameters = (parameter for group in self._groups[True] for parameter in group.parameters)
        for parameter, gradient in zip(parameters, self._gradients):
            if parameter.grad is None:
                gradient.zero_()
            else:
                targets.append(gradient)
                sources.append(parameter.grad)
            parameter.grad = None
        if sources:
            torch._foreach_copy_(targets, sources)

    @torch.no_grad()
    def write(self, dtype: torch.dtype, linear_grid: bool, embedding_grid: bool) -> None:
        """Puts the masters into the model, through their grids where these are on, in the given precision."""
        active = {"int4": linear_grid, "int8": embedding_grid, "none": True}
        state = (dtype, linear_grid, embedding_grid)
        targets, sources = [], []
        for group in [*self._groups[True], *(self._groups[False] if state != self._frozen_state else [])]:
            masters = group.masters.detach()
            values = (_GRIDS[group.kind](masters) if active[group.kind] else masters).to(dtype)
            for parameter, value in zip(group.parameters, values.unbind()):
                if parameter.dtype == dtype:
                    targets.append(parameter.data)
                    sources.append(value)
                else:
                    parameter.data = value.clone()
        if targets:
            torch._foreach_copy_(targets, sources)
        self._frozen_state = state
