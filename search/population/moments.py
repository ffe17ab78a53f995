"""`Moments`: numbers for each weight of a stack, beside it in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


class Moments:
    """Zeros until they are stepped on; in blocks like the weights.

    Args:
        weights: each `K x P_i`.
        names: of the kinds of numbers that each weight has.
    """

    def __init__(self, weights: Sequence[Tensor], *names: str) -> None:
        self.of = {name: [torch.zeros_like(block) for block in weights] for name in names}
        """The blocks of each kind, `K x P_i`."""

    @property
    def blocks(self) -> list[Tensor]:
        """Those of all kinds."""
        return [block for blocks in self.of.values() for block in blocks]

    def clear(self, slot: int) -> None:
        """Begin anew in a slot."""
        for block in self.blocks:
            block[slot].zero_()

    def move(self, source: int, target: int) -> None:
        """Make slot `target` what slot `source` is."""
        for block in self.blocks:
            block[target].copy_(block[source])

    def state(self, slot: int) -> dict[str, Any]:
        """By kind those of a slot, one block behind the other, as a copy on the CPU."""
        return {
            name: torch.cat([block[slot] for block in blocks]).to("cpu", copy=True)
            for name, blocks in self.of.items()
        }

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        """Go on in a slot from such a state; what else is in it is left aside."""
        for name, blocks in self.of.items():
            parts = torch.split(state[name], [block.shape[1] for block in blocks])
            for block, part in zip(blocks, parts, strict=True):
                block[slot].copy_(part)
