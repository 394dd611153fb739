"""Straight-through, mixed-precision training at the cost of plain training.

The weights in the model hold the values that the forward pass shall use (on the integer grid once quantisation is on,
in bf16 if so configured), and the optimiser works on f32 masters that get the gradient of those values: the
straight-through estimator, but every weight is quantised once a step instead of at every use of it."""

from collections import defaultdict

import torch
from torch import Tensor, nn

from gmsa_training.model.gmsa_model import GmsaModel
from gmsa_training.model.layers import GridEmbedding, GridLinear
from gmsa_training.model.quantization import to_int4_grid, to_int8_grid

_GRIDS = {"int4": to_int4_grid, "int8": to_int8_grid, "none": lambda weight: weight}


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
        groups: dict[tuple[str, torch.Size], list[nn.Parameter]] = defaultdict(list)
        self._frozen: list[tuple[str, Tensor, nn.Parameter]] = []
        for parameter in model.parameters():
            kind = kinds.get(id(parameter), "none")
            if id(parameter) in wanted:
                groups[kind, parameter.shape].append(parameter)
            else:
                self._frozen.append((kind, parameter.detach().clone(), parameter))
        self.trained: list[nn.Parameter] = []
        self._kinds: list[str] = []
        self._parameters: list[list[nn.Parameter]] = []
        for (kind, _), parameters in groups.items():
            stacked = nn.Parameter(torch.stack([parameter.detach() for parameter in parameters]))
            self.trained.append(stacked)
            self._kinds.append(kind)
            self._parameters.append(parameters)
        self.as_module = nn.ParameterList(self.trained)  # for torch.optim.swa_utils
        # All gradients are views of one tensor, which processes reduce in one piece.
        self.gradients = torch.zeros(sum(master.numel() for master in self.trained), device=self._device())
        for master, part in zip(self.trained, self.gradients.split([master.numel() for master in self.trained])):
            master.grad = part.view_as(master)
        self._gradients = [view for master in self.trained for view in master.grad.unbind()]
        self._frozen_state: tuple[torch.dtype, bool, bool] | None = None

    def _device(self) -> torch.device | None:
        return self.trained[0].device if self.trained else None

    def decayed(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """The masters of matrices, which weight decay is for, and all others."""
        return [p for p in self.trained if p.dim() > 2], [p for p in self.trained if p.dim() <= 2]

    def of(self, parameter: nn.Parameter) -> tuple[Tensor, Tensor]:
        """Master and gradient of one trained parameter."""
        for master, parameters in zip(self.trained, self._parameters):
            for number, one in enumerate(parameters):
                if one is parameter:
                    return master.detach()[number], master.grad[number]
        raise KeyError("This parameter is not trained.")

    @torch.no_grad()
    def take_gradients(self) -> None:
        """Moves the gradients from the model's parameters to their masters, as f32."""
        parameters = [parameter for group in self._parameters for parameter in group]
        targets, sources = [], []
        for parameter, gradient in zip(parameters, self._gradients):
            if parameter.grad is None:
                gradient.zero_()
            else:
                targets.append(gradient)
                sources.append(parameter.grad)
        if sources:
            torch._foreach_copy_(targets, sources)
        for parameter in parameters:
            parameter.grad = None

    @torch.no_grad()
    def write(self, dtype: torch.dtype, linear_grid: bool, embedding_grid: bool) -> None:
        """Puts the masters into the model, through their grids where these are on, in the given precision."""
        active = {"int4": linear_grid, "int8": embedding_grid, "none": True}
        targets, sources = [], []
        for kind, stacked, parameters in zip(self._kinds, self.trained, self._parameters):
            values = (_GRIDS[kind](stacked.detach()) if active[kind] else stacked.detach()).to(dtype)
            for parameter, value in zip(parameters, values.unbind()):
                if parameter.dtype == dtype:
                    targets.append(parameter.data)
                    sources.append(value)
                else:
                    parameter.data = value.clone()
        if targets:
            torch._foreach_copy_(targets, sources)
        state = (dtype, linear_grid, embedding_grid)
        if state != self._frozen_state:
            for kind, value, parameter in self._frozen:
                parameter.data = (_GRIDS[kind](value) if active[kind] else value).to(dtype, copy=True)
            self._frozen_state = state
