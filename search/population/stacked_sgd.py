"""`StackedSGD`: plain SGD of `K` slots, its settings the same for all or one for each.

Where all are the same, momentum is a number that a matrix product takes in along its way; where each has its
own it is a factor applied before the product, a pass over the memory more. The two round differently, so
a stack is of one kind for life: what its runs give must not depend on which neighbours they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.layers import Parameter
from search.population.settings import StackKind
from search.proxies.proxy import SGD, Optimizer


@dataclass(frozen=True)
class StackedSGD:
    """`m <- momentum * m + gradient + weight_decay * p`, `p <- p - lr * m`; see `StackedOptimizer`."""

    momentum: float | Tensor
    """One number for all, or `K x 1 x 1`."""
    weight_decay: Tensor
    """`K x 1 x 1`. K numbers rather than one: broadcast along a slot, an operation's vector loop begins and
    ends with the slot, and no slot's last elements depend on where the stack ends."""
    decays: bool
    """Whether weight decay is applied at all."""

    keeps_fed = True

    @classmethod
    def of(cls, settings: SGD, kind: StackKind, *, n_slots: int, device: torch.device) -> StackedSGD:
        """All slots as `settings` say; what the kind has of its own each may be given another value of."""
        shape = (n_slots, 1, 1)
        return cls(
            torch.full(shape, settings.momentum, device=device) if kind.own_momentum else settings.momentum,
            torch.full(shape, settings.weight_decay, device=device),
            decays=kind.own_weight_decay or settings.weight_decay > 0,
        )

    @property
    def kept(self) -> float | Tensor:
        return self.momentum

    def slots(self, chosen: slice) -> StackedSGD:
        momentum = self.momentum[chosen] if isinstance(self.momentum, Tensor) else self.momentum
        return StackedSGD(momentum, self.weight_decay[chosen], self.decays)

    def load(self, slot: int, settings: Optimizer) -> None:
        assert isinstance(settings, SGD)
        if isinstance(self.momentum, Tensor):
            self.momentum[slot] = settings.momentum
        self.weight_decay[slot] = settings.weight_decay

    def move(self, source: int, target: int) -> None:
        if isinstance(self.momentum, Tensor):
            self.momentum[target].copy_(self.momentum[source])
        self.weight_decay[target].copy_(self.weight_decay[source])

    def state(self, slot: int) -> dict[str, Any]:
        return {}

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        """The momenta lie with the weights."""

    @property
    def changed(self) -> list[Tensor]:
        return []

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        """`T x K x 1 x 1`: the negative lr."""
        minus_lrs = torch.tensor(-lrs, dtype=torch.float32, device=self.weight_decay.device)
        return minus_lrs[..., None, None]

    def step(self, parameters: Sequence[Parameter], planned: Tensor) -> None:
        for parameter in parameters:
            if self.decays:
                parameter.fed.addcmul_(parameter.value, self.weight_decay)
            parameter.value.addcmul_(parameter.fed, planned)
