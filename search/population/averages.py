"""Running averages of the weights of `K` models, kept beside them while they train.

The average of the recent weights stands in for annealing: half-way through a run its loss says more about
how the run will end than the loss of the weights themselves. After step `t` of a run (`t` = 0, 1, ...) its
average `a` and its weights `w` meet as

    `a <- a + c_t (w - a)`,  `c_t = 1 / (0.04 t + 1)`,

so that `c_0 = 1` and the average begins as the weights after the first step. Nothing before a run's first
step enters. For a large `t` the average weighs step `s` by about `(s / t)^24`: half of it stems from the last
3% of the steps. It is a polynomial-decay average (Shamir and Zhang, "Stochastic Gradient Descent for
Non-smooth Optimization", ICML 2013, with eta = 24).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

AVERAGING_RATE = 0.04


def averaging_weights(steps_before: NDArray[np.int64], n_steps: int) -> NDArray[np.float64]:
    """The `c_t` of the next steps of some runs.

    Args:
        steps_before: `K`, the steps that each run has made, >= 0.
        n_steps: `T`, how many come.

    Returns:
        `T x K`, in (0, 1].

    >>> averaging_weights(np.array([0, 25]), 2).round(3).tolist()
    [[1.0, 0.5], [0.962, 0.49]]
    """
    steps = np.arange(n_steps)[:, None] + steps_before[None, :]
    return np.asarray(1.0 / (AVERAGING_RATE * steps + 1.0))


class StackedAverages:
    """The averages of all slots of a stack, and how many steps each has made.

    The weights are read and never written.

    Args:
        weights: the stack's parameters, each `K x rows x lanes`.
    """

    def __init__(self, weights: Sequence[Tensor]) -> None:
        self._weights = list(weights)
        self._averages = [torch.zeros_like(weight) for weight in weights]
        self._n_steps = np.zeros(len(weights[0]), dtype=np.int64)
        self._pairs: dict[int, list[tuple[Tensor, Tensor]]] = {}

    @property
    def changed(self) -> list[Tensor]:
        """The averages, each `K x rows x lanes`, in the order of the weights: all that `update` changes."""
        return self._averages

    def load(self, slot: int) -> None:
        """Begin anew in a slot. What the last run left must go: `0 * inf` is not 0."""
        self._n_steps[slot] = 0
        for average, weight in zip(self._averages, self._weights, strict=True):
            average[slot].copy_(weight[slot])

    def move(self, source: int, target: int) -> None:
        """Make slot `target` what slot `source` is."""
        self._n_steps[target] = self._n_steps[source]
        for average in self._averages:
            average[target].copy_(average[source])

    def state(self, slot: int) -> dict[str, Any]:
        """What a slot has of its own, as copies on the CPU."""
        averages = [average[slot].to("cpu", copy=True) for average in self._averages]
        return {"n_steps": int(self._n_steps[slot]), "averages": averages}

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        """Go on in a slot from such a state."""
        self._n_steps[slot] = state["n_steps"]
        for average, saved in zip(self._averages, state["averages"], strict=True):
            average[slot].copy_(saved)

    def next_weights(self, n_slots: int, n_steps: int) -> Tensor:
        """`T x K x 1 x 1`: the `c_t` of the next `T` steps of the first `K` slots, which count as made."""
        weights = averaging_weights(self._n_steps[:n_slots], n_steps)
        self._n_steps[:n_slots] += n_steps
        device = self._averages[0].device
        return torch.tensor(weights, dtype=torch.float32, device=device)[..., None, None]

    def update(self, weights: Tensor) -> None:
        """Take the present weights of the first `K` slots in; `weights`: their `c_t`, `K x 1 x 1`."""
        for average, weight in self._first(len(weights)):
            average.lerp_(weight, weights)

    def _first(self, n_slots: int) -> list[tuple[Tensor, Tensor]]:
        if n_slots not in self._pairs:
            pairs = zip(self._averages, self._weights, strict=True)
            self._pairs[n_slots] = [(average[:n_slots], weight[:n_slots]) for average, weight in pairs]
        return self._pairs[n_slots]
