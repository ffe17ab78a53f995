"""`StackedOptimizer`: how the weights of stacked layers are stepped.

Plain SGD is fed its momentum by the products that make the gradient (`StackedSGD`); all else takes the
gradient and steps as for any other stack (`FlatStep`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from torch import Tensor

from search.population.flat_optimizers import FlatOptimizer
from search.population.fused_optimizers import flat_optimizer
from search.population.layers import Parameter
from search.population.settings import StackKind
from search.population.slot_optimizer import SlotOptimizer
from search.population.stacked_sgd import StackedSGD
from search.proxies.proxy import SGD, Optimizer


class StackedOptimizer(SlotOptimizer, Protocol):
    """One for all slots."""

    @property
    def kept(self) -> float | Tensor:
        """What a layer's backward is to keep of `parameter.fed` as it adds the gradient: a number, or
        `K x 1 x 1`."""
        ...

    @property
    def keeps_fed(self) -> bool:
        """Whether what was fed in one step serves the next."""
        ...

    def slots(self, chosen: slice) -> Self:
        """The same memory; `step` steps some of its slots."""
        ...

    def step(self, parameters: Sequence[Parameter], planned: Tensor) -> None:
        """One step of the first slots.

        Args:
            parameters: theirs, fed.
            planned: of this step.
        """
        ...


def stacked_optimizer(
    settings: Optimizer, kind: StackKind, parameters: Sequence[Parameter]
) -> StackedOptimizer:
    """The optimizer of a proxy for all slots that the parameters have."""
    value = parameters[0].value
    if is_plain(settings):
        assert isinstance(settings, SGD)
        return StackedSGD.of(settings, kind, n_slots=len(value), device=value.device)
    weights = [parameter.value.flatten(1) for parameter in parameters]
    gradients = [parameter.fed.flatten(1) for parameter in parameters]
    return FlatStep(flat_optimizer(settings, kind, weights=weights, gradients=gradients))


def is_plain(settings: Optimizer) -> bool:
    """Whether it is SGD with momentum, weight decay and nothing else."""
    return isinstance(settings, SGD) and not settings.nesterov and settings.clip_norm is None


class FlatStep:
    """An optimizer of rows, for parameters of layers."""

    kept = 0.0
    keeps_fed = False

    def __init__(self, flat: FlatOptimizer) -> None:
        self._flat = flat
        self.load, self.move = flat.load, flat.move
        self.state, self.restore, self.plan = flat.state, flat.restore, flat.plan

    def slots(self, chosen: slice) -> FlatStep:
        return self

    @property
    def changed(self) -> list[Tensor]:
        return self._flat.changed

    def step(self, parameters: Sequence[Parameter], planned: Tensor) -> None:
        self._flat.step(len(parameters[0].value), planned)
