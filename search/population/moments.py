"""`Moments`: one number for each weight of a stack, beside it in memory."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Moments:
    """Zeros until they are stepped on; in blocks like the weights.

    Args:
        weights: each `K x P_i`.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self.blocks = [torch.zeros_like(block) for block in weights]
        """Each `K x P_i`."""

    def clear(self, slot: int) -> None:
        """Begin anew in a slot."""
        for block in self.blocks:
            block[slot].zero_()

    def move(self, source: int, target: int) -> None:
        """Make slot `target` what slot `source` is."""
        for block in self.blocks:
            block[target].copy_(block[source])

    def state(self, slot: int) -> Tensor:
        """Those of a slot, one block behind the other, as a copy on the CPU."""
        return torch.cat([block[slot] for block in self.blocks]).to("cpu", copy=True)

    def restore(self, slot: int, state: Tensor) -> None:
        """Go on in a slot from such a state."""
        parts = torch.split(state, [block.shape[1] for block in self.blocks])
        for block, part in zip(self.blocks, parts, strict=True):
            block[slot].copy_(part)
