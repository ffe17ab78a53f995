"""`FlatWeights`: all trained weights of a stack of models in one tensor, a row for each slot.

An optimizer steps on rows, whatever the layers are. Every weight begins at a cache line of its row, and every
row too, so that the matrices of all slots are equally aligned (see `layers.py`). The room between stays zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from search.population.layers import LANES, padded


class FlatWeights:
    """Weights of `K` models like one; zeros until a slot is loaded."""

    def __init__(self, model: nn.Module, *, n_slots: int, device: torch.device) -> None:
        trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in trained]
        self._shapes = [tuple(parameter.shape) for _, parameter in trained]
        sizes = [parameter.numel() for _, parameter in trained]
        self._spans: list[tuple[int, int]] = []
        end = 0
        for size in sizes:
            self._spans.append((end, end + size))
            end += padded(size)
        self.width = -(-end // (2 * LANES)) * 2 * LANES
        """`P`: floats of a row."""
        self.rows = torch.zeros(n_slots, self.width, device=device)
        """`K x P`."""

    def views(self, rows: Tensor) -> list[Tensor]:
        """The weights in rows like `self.rows`: each `k x its shape`, in the order of `names`; not copies."""
        return [
            rows[:, start:end].view(len(rows), *shape)
            for (start, end), shape in zip(self._spans, self._shapes, strict=True)
        ]

    def load(self, slot: int, model: nn.Module) -> None:
        """Put a model's weights into a slot."""
        trained: Sequence[nn.Parameter] = [p for p in model.parameters() if p.requires_grad]
        with torch.no_grad():
            self.rows[slot].zero_()  # an exploded run has left its mark in the room between as well
            for (start, end), parameter in zip(self._spans, trained, strict=True):
                self.rows[slot, start:end] = parameter.flatten()
