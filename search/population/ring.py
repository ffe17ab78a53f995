"""`StepRing`: the steps of a stack on a GPU, a few of them at once replayed from fixed memory.

What `Replayed` asks for shapes this file: each step's part of what is planned is copied to a place in a ring
before, and the number of slots of a ring is fixed, so that there are a few sizes (`bucket`) and what trains
in the slots behind the last run is thrown away.

A ring that computes its steps itself gives the same numbers: so it is tested without a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.replayed import Capture, Replayed, capture_on

BUCKETS = (1, 8, 32, 128, 512)
"""Numbers of slots that graphs are captured for, besides all that there are."""
RING_STEPS = 10
"""Steps of one graph."""
RINGED_DEVICES = ("cuda",)
"""Kinds of devices on which steps go round a ring."""

Step = Callable[..., Tensor]
"""One step of the first slots, from one part of each thing that is planned; the losses, `K x B`."""


def is_ringed(device: torch.device) -> bool:
    """Whether steps go round a ring on a device; else they are computed one by one, for as many slots as have
    a run."""
    return device.type in RINGED_DEVICES


def bucket(n_runs: int, n_slots: int) -> int:
    """The size of a ring that holds so many runs, in a stack of so many slots.

    >>> bucket(1, 65), bucket(9, 65), bucket(33, 65)
    (1, 32, 65)
    """
    return min([size for size in BUCKETS if n_runs <= size < n_slots], default=n_slots)


def filled_up(samples: Tensor, lrs: NDArray[np.float64], size: int) -> tuple[Tensor, NDArray[np.float64]]:
    """Samples and rates (`T x K ...`) for `size` slots; those behind the last run train nothing at lr 0."""
    n_steps, n_slots, n_samples = samples.shape
    behind = samples.new_zeros(n_steps, size - n_slots, n_samples)
    return torch.cat([samples, behind], dim=1), np.pad(lrs, ((0, 0), (0, size - n_slots)))


class StepRing:
    """Steps of one number of slots: in rounds of `RING_STEPS`, what is left over in rounds of one.

    Args:
        step: computes one.
        changed: all that a step changes and the next one reads.
        device: of torch.
        capture: makes of a round something that does the same from the same memory, and may make some rounds
            meanwhile; None: that of the device.
    """

    def __init__(
        self, step: Step, changed: Sequence[Tensor], device: torch.device, capture: Capture | None = None
    ) -> None:
        self._step, self._changed, self._device = step, list(changed), device
        self._capture = capture or capture_on(device)
        self._laps: dict[int, _Lap] = {}

    def run(self, *planned: Tensor) -> Tensor:
        """Losses of the next `T` steps, `T x K x B`, on the device.

        Args:
            planned: what `step` takes, each `T x ...`, on the device; of the same shapes and types every
                time but for `T`.
        """
        n_steps = len(planned[0])
        if not is_ringed(self._device):
            return torch.stack([self._step(*(part[step] for part in planned)) for step in range(n_steps)])
        whole = n_steps - n_steps % RING_STEPS
        spans = [(start, RING_STEPS) for start in range(0, whole, RING_STEPS)]
        spans += [(step, 1) for step in range(whole, n_steps)]
        losses = [self._gone_round([part[start : start + n] for part in planned]) for start, n in spans]
        return torch.cat(losses)

    def _gone_round(self, planned: Sequence[Tensor]) -> Tensor:
        n_steps = len(planned[0])
        if n_steps not in self._laps:
            self._laps[n_steps] = _Lap(self._step, planned, self._changed, self._capture)
        return self._laps[n_steps].run(planned)


class _Lap:
    """A fixed number of steps, from memory of its own to memory of its own."""

    def __init__(
        self, step: Step, planned: Sequence[Tensor], changed: Sequence[Tensor], capture: Capture | None
    ) -> None:
        self._step = step
        self._parts = [part.clone() for part in planned]
        self._losses = Replayed(self._steps, capture, changed)

    def run(self, planned: Sequence[Tensor]) -> Tensor:
        """The losses, `T x K x B`."""
        for place, part in zip(self._parts, planned, strict=True):
            place.copy_(part)
        return self._losses()

    def _steps(self) -> Tensor:
        n_steps = len(self._parts[0])
        return torch.stack([self._step(*(part[step] for part in self._parts)) for step in range(n_steps)])
