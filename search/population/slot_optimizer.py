"""`SlotOptimizer`: what every optimizer of a stack is asked, whatever it steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from search.proxies.proxy import Optimizer


class SlotOptimizer(Protocol):
    """One for all slots, each with its own settings and state."""

    def load(self, slot: int, settings: Optimizer) -> None:
        """Begin anew in a slot."""
        ...

    def move(self, source: int, target: int) -> None:
        """Make slot `target` what slot `source` is."""
        ...

    def state(self, slot: int) -> dict[str, Any]:
        """What a slot has that neither its weights nor its settings give, as copies on the CPU."""
        ...

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        """Go on in a slot that was loaded with the same settings."""
        ...

    @property
    def changed(self) -> list[Tensor]:
        """All that steps change, the weights aside."""
        ...

    def plan(self, lrs: NDArray[np.float64]) -> Tensor:
        """What `step` takes in each of the next `T` steps of the first `K` slots, which count as made.

        Args:
            lrs: `T x K`.

        Returns:
            `T x ...`.
        """
        ...
