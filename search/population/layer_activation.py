"""Activations of `K` models at once that keep zero: padding stays what it is.

A loop over vectors takes two of them a turn, and what is left at the end of a tensor one by one, which may
round otherwise. So a tensor that is no whole number of turns long is computed in a buffer that is: no slot's
last elements depend on where the stack ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from search.population.layers import LANES, WithoutWeights
from search.population.workspace import Workspace

TURN = 2 * LANES
"""Floats of one turn of a vectorised loop, at most."""
_ATEN = torch.ops.aten


@dataclass(frozen=True)
class Pointwise:
    """A function of each number and its derivative, by torch's own kernels."""

    forward: Callable[[Tensor, Tensor], object]
    """Of (inputs, output): fills the output."""
    backward: Callable[[Tensor, Tensor, Tensor], object]
    """Of (gradient, inputs, output): fills the output with the gradient of the inputs."""


def pointwise(module: nn.Module) -> Pointwise | None:
    """The function of a module; None: it is none of these."""
    kind = type(module)
    if isinstance(module, nn.GELU) and kind is nn.GELU:
        how = module.approximate
        return Pointwise(
            lambda x, out: _ATEN.gelu.out(x, approximate=how, out=out),
            lambda g, x, out: _ATEN.gelu_backward.grad_input(g, x, approximate=how, grad_input=out),
        )
    if kind is nn.SiLU:
        return Pointwise(
            lambda x, out: _ATEN.silu.out(x, out=out),
            lambda g, x, out: _ATEN.silu_backward.grad_input(g, x, grad_input=out),
        )
    if isinstance(module, nn.LeakyReLU) and kind is nn.LeakyReLU:
        slope = module.negative_slope
        return Pointwise(
            lambda x, out: _ATEN.leaky_relu.out(x, slope, out=out),
            lambda g, x, out: _ATEN.leaky_relu_backward.grad_input(g, x, slope, False, grad_input=out),
        )
    if isinstance(module, nn.ELU) and kind is nn.ELU:
        alpha = module.alpha
        return Pointwise(
            lambda x, out: _ATEN.elu.out(x, alpha, out=out),
            lambda g, x, out: _ATEN.elu_backward.grad_input(g, alpha, 1, 1, False, x, grad_input=out),
        )
    return None


class StackedActivation(WithoutWeights):
    """An activation that needs its inputs again: they are left as they are."""

    def __init__(self, name: str, function: Pointwise) -> None:
        self.name, self.function = name, function

    def slots(self, chosen: slice) -> StackedActivation:
        return StackedActivation(self.name, self.function)

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        self._inputs = _in_turns(inputs, f"{self.name} inputs", workspace)
        output = workspace.empty(self.name, len(self._inputs))
        self.function.forward(self._inputs, output)
        return output[: inputs.numel()].view(inputs.shape)

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor:
        given = _in_turns(gradient, f"{self.name} gradient", workspace)
        output = workspace.empty(self.name, len(given))  # what `forward` gave has served by now
        self.function.backward(given, self._inputs, output)
        return output[: gradient.numel()].view(gradient.shape)


def _in_turns(values: Tensor, role: str, workspace: Workspace) -> Tensor:
    """All of them in a row, whole turns long: the same memory, or a copy with anything behind."""
    row = values.view(-1)
    missing = -len(row) % TURN
    if not missing:
        return row
    longer = workspace.empty(role, len(row) + missing)
    longer[: len(row)].copy_(row)
    return longer
