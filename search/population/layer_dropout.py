"""`StackedDropout`: dropout of `K` models at once, each with the masks of its run (`dropout.py`)."""

from __future__ import annotations

import torch
from torch import Tensor

from search.population.dropout import element_words, factors
from search.population.layers import WithoutWeights
from search.population.workspace import Workspace


class StackedDropout(WithoutWeights):
    """`nn.Dropout`."""

    def __init__(self, name: str, p: float, number: int, positions: Tensor) -> None:
        """
        Args:
            name: unlike that of any other layer.
            p: share that is dropped, in (0, 1].
            number: of dropouts before it.
            positions: the lane of each element of a sample, in its order.
        """
        self.name, self.p, self.number, self.positions = name, p, number, positions
        self.keys: Tensor | None = None
        """Of the step, `K`, int32."""

    def slots(self, chosen: slice) -> StackedDropout:
        return StackedDropout(self.name, self.p, self.number, self.positions)

    def forward(self, inputs: Tensor, workspace: Workspace, *, training: bool) -> Tensor:
        if not training:
            return inputs
        assert self.keys is not None, "a step has keys"
        n_slots, n_samples, _ = inputs.shape
        words = element_words(n_samples * len(self.positions), inputs.device)
        drawn = factors(self.keys[:, None], self.number, words, self.p)
        # Lanes of the padding are never written, and so stay zero.
        self._factors = workspace.empty(f"{self.name} factors", *inputs.shape)
        self._factors[..., self.positions] = drawn.view(n_slots, n_samples, -1)
        return torch.mul(inputs, self._factors, out=workspace.empty(self.name, *inputs.shape))

    def backward(self, gradient: Tensor, workspace: Workspace, *, kept: float | Tensor) -> Tensor:
        return gradient.mul_(self._factors)
