"""`Engine`: what a population asks of whatever trains its models.

An engine knows slots, samples and learning rates; it knows nothing of runs, schedules or reports. So
one kind (stacked layers, `vmap`, plain modules one after the other) replaces another without a change
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.runs.seeds import Seed

SplitName = Literal["validation", "test"]
Score = Mapping[str, float]
"""The mean `loss`, and the `error` as a fraction."""
Losses = Callable[[], NDArray[np.float64]]
"""Waits for the device and gives what it has computed."""


class Engine(Protocol):
    """Slots with a model each. A slot's numbers depend on nothing but what that slot was given."""

    @property
    def chunk_steps(self) -> int:
        """Steps that are trained before their losses are looked at, at most."""
        ...

    def load(self, slot: int, seed: Seed, params: Mapping[str, Any]) -> None:
        """Put the untrained model of a run's seed into a slot, to be trained with the parameters of its own
        that the run has."""
        ...

    def move(self, source: int, target: int) -> None:
        """Make slot `target` what slot `source` is."""
        ...

    def state(self, slot: int) -> dict[str, Any]:
        """All that a slot's training has come to: copies on the CPU, and plain numbers."""
        ...

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        """Go on in a slot that was loaded with the same seed and settings, bit for bit."""
        ...

    def train(self, samples: Tensor, lrs: NDArray[np.float64]) -> Losses:
        """Train the first `K` slots for `T` steps. An accelerator may still be at it when this returns; what
        is asked of the engine next comes after it.

        Args:
            samples: `T x K x B`, int64 on the CPU: numbers of training samples.
            lrs: `T x K`.

        Returns:
            Gives `T x K`: mean loss of each batch, before its step.
        """
        ...

    def evaluate(self, slots: Sequence[int], split: SplitName, averaged: bool = False) -> list[Score]:
        """Loss and error of the models of some slots on a split.

        Args:
            slots: of any numbers, one or more.
            split: the samples.
            averaged: judge the running averages of the slots' weights since `load`, see
                `search.population.averages`; only in an engine of a kind that is `averaged`.
        """
        ...


def chunk_steps(device: torch.device) -> int:
    """Steps that are trained before their losses are looked at: a diverged run lives at most this long on,
    and an accelerator waits for each look."""
    return 20 if device.type == "cpu" else 100
