"""`StepRing`: the steps of a stack on a GPU, a few of them at once replayed from fixed memory.

A step of small models is dozens of operations of microseconds each, and starting them from Python takes
longer than they do. A CUDA graph starts them all at once, and asks for three things that shape this file: it
reads and writes the same memory every time, so that each step's part of what is planned is copied to a place
in a ring before; its number of slots is fixed, so there are a few sizes (`bucket`) and what trains in the
slots behind the last run is thrown away; and it can't be captured without some steps being made, so that
everything a step changes is put back after them.

A ring that computes its steps itself gives the same numbers: so it is tested without a GPU.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.memory import ran_out

BUCKETS = (1, 8, 32, 128, 512)
"""Numbers of slots that graphs are captured for, besides all that there are."""
RING_STEPS = 10
"""Steps of one graph."""
RINGED_DEVICES = ("cuda",)
"""Kinds of devices on which steps go round a ring."""
WARM_UPS = 2
"""Rounds before a capture: libraries choose their algorithms in the first."""

Step = Callable[..., Tensor]
"""One step of the first slots, from one part of each thing that is planned; the losses, `K x B`."""
Round = Callable[[], None]
Capture = Callable[[Round], Round]


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
    """Steps of one number of slots.

    Args:
        step: computes one.
        changed: all that a step changes and the next one reads.
        device: of torch.
        capture: makes of a round something that does the same from the same memory, and may make some rounds
            meanwhile; None: a CUDA graph on a CUDA device, else the round itself.
    """

    def __init__(
        self, step: Step, changed: Sequence[Tensor], device: torch.device, capture: Capture | None = None
    ) -> None:
        self._step, self._changed, self._device = step, list(changed), device
        self._capture = capture or (captured if device.type == "cuda" else None)
        self._parts: list[Tensor] = []
        self._losses: Tensor | None = None
        self._round: Round | None = None

    def run(self, *planned: Tensor) -> Tensor:
        """Losses of the next `T` steps, `T x K x B`, on the device.

        Args:
            planned: what `step` takes, each `T x ...`, on the device; of the same shapes and types every
                time but for `T`.
        """
        n_steps = len(planned[0])
        whole = n_steps - n_steps % RING_STEPS if is_ringed(self._device) else 0
        losses = [
            self._gone_round([part[start : start + RING_STEPS] for part in planned])
            for start in range(0, whole, RING_STEPS)
        ]
        losses += [self._step(*(part[step] for part in planned))[None] for step in range(whole, n_steps)]
        return torch.cat(losses)

    def _gone_round(self, planned: Sequence[Tensor]) -> Tensor:
        if self._round is None:
            self._parts = [part.clone() for part in planned]
            self._round = self._steps if self._capture is None else self._checked(self._capture)
        for place, part in zip(self._parts, planned, strict=True):
            place.copy_(part)
        self._round()
        assert self._losses is not None
        return self._losses.clone()

    def _steps(self) -> None:
        """One round, step by step, from the ring to the ring."""
        losses = [self._step(*(part[step] for part in self._parts)) for step in range(RING_STEPS)]
        if self._losses is None:
            self._losses = torch.stack(losses)
        else:
            torch.stack(losses, out=self._losses)

    def _checked(self, capture: Capture) -> Round:
        """A replay of one round, if it can be captured and gives the same bits; else the steps themselves.
        Nothing has changed afterwards."""
        before = [tensor.clone() for tensor in self._changed]
        made, why = self._steps, ""
        try:
            replay = capture(self._steps)
            expected, given = self._tried(self._steps, before), self._tried(replay, before)
            if all(torch.equal(*pair) for pair in zip(expected, given, strict=True)):
                made = replay
            else:
                why = "a replay gives other numbers"
        except RuntimeError as error:
            if ran_out(error):
                raise
            why = str(error).partition("\n")[0]
        self._put_back(before)
        if why:
            warnings.warn(
                f"steps are started one by one, without a graph: {why}", RuntimeWarning, stacklevel=2
            )
        return made

    def _tried(self, one_round: Round, before: Sequence[Tensor]) -> list[Tensor]:
        """What a round makes of the state before."""
        self._put_back(before)
        one_round()
        assert self._losses is not None
        # Not a number is not equal to itself; slots behind the last run may hold anything.
        return [tensor.nan_to_num() for tensor in (self._losses, *self._changed)]

    def _put_back(self, before: Sequence[Tensor]) -> None:
        for tensor, kept in zip(self._changed, before, strict=True):
            tensor.copy_(kept)


def captured(one_round: Round) -> Round:
    """A CUDA graph of a round; makes some rounds."""
    aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(WARM_UPS):
            one_round()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        one_round()
    return graph.replay
