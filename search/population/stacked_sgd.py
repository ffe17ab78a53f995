"""`StackedSGD`: the settings of `K` optimizers, the same for all or one for each.

Where all are the same, momentum is a number that a matrix product takes in along its way; where each has its
own it is a factor applied before the product, a pass over the memory more. The two round differently, so
a stack is of one kind for life: what its runs give must not depend on which neighbours they have.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from search.proxies.proxy import SGD


@dataclass(frozen=True)
class StackedSGD:
    """Momentum and weight decay of `K` slots."""

    momentum: float | Tensor
    """One number for all, or `K x 1 x 1`."""
    weight_decay: Tensor
    """`K x 1 x 1`. K numbers rather than one: broadcast along a slot, an operation's vector loop begins and
    ends with the slot, and no slot's last elements depend on where the stack ends."""
    decays: bool
    """Whether weight decay is applied at all."""

    @classmethod
    def of(
        cls, settings: SGD, n_slots: int, device: torch.device, *, own_momentum: bool, own_weight_decay: bool
    ) -> StackedSGD:
        """All slots as `settings` say; with `own_...` each may be given another value by `load`."""
        shape = (n_slots, 1, 1)
        return cls(
            torch.full(shape, settings.momentum, device=device) if own_momentum else settings.momentum,
            torch.full(shape, settings.weight_decay, device=device),
            decays=own_weight_decay or settings.weight_decay > 0,
        )

    def slots(self, chosen: slice) -> StackedSGD:
        """The same memory, some of its slots."""
        momentum = self.momentum[chosen] if isinstance(self.momentum, Tensor) else self.momentum
        return StackedSGD(momentum, self.weight_decay[chosen], self.decays)

    def load(self, settings: SGD) -> None:
        """Give every slot these settings."""
        if isinstance(self.momentum, Tensor):
            self.momentum.fill_(settings.momentum)
        self.weight_decay.fill_(settings.weight_decay)

    def copy_slot(self, source: int, target: int) -> None:
        if isinstance(self.momentum, Tensor):
            self.momentum[target].copy_(self.momentum[source])
        self.weight_decay[target].copy_(self.weight_decay[source])
