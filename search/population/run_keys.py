"""`RunKeys`: what dropout and changes of samples are drawn from, by slot and step; each run has its own."""

from __future__ import annotations

import torch
from torch import Tensor

from search.proxies.counter_random import step_keys


class RunKeys:
    """Seeds and steps of `K` slots, on the CPU."""

    def __init__(self, n_slots: int) -> None:
        self._seeds = torch.zeros(n_slots, dtype=torch.int64)
        self._n_steps = torch.zeros(n_slots, dtype=torch.int64)

    def load(self, slot: int, seed: int) -> None:
        """Begin anew in a slot, from the seed of its weights."""
        self._seeds[slot], self._n_steps[slot] = seed, 0

    def move(self, source: int, target: int) -> None:
        """Make slot `target` what slot `source` is."""
        for numbers in (self._seeds, self._n_steps):
            numbers[target] = numbers[source]

    def n_steps(self, slot: int) -> int:
        """How many steps a slot has made."""
        return int(self._n_steps[slot])

    def go_on(self, slot: int, n_steps: int) -> None:
        """A slot that was loaded has made so many steps."""
        self._n_steps[slot] = n_steps

    def next(self, n_slots: int, n_steps: int) -> Tensor:
        """Keys of the next `T` steps of the first `K` slots, which count as made: `T x K`, int32."""
        steps = self._n_steps[:n_slots] + torch.arange(n_steps)[:, None]
        self._n_steps[:n_slots] += n_steps
        return step_keys(self._seeds[:n_slots], steps)
