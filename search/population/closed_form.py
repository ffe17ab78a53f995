"""`ClosedFormEngine`: runs of a `NoisyQuadratic`, whose expected loss is computed and never sampled.

A step is a line of arithmetic on the run's own numbers, so the equality law holds by construction. The
validation loss carries the task's noise; training and test loss are the exact expectations.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.engine import Losses, Score, SplitName
from search.proxies.noisy_quadratic import NoisyQuadratic
from search.proxies.quadratic_noise import observed
from search.runs.run import Run
from search.runs.seeds import Seed

LARGEST_LOSS = float(np.finfo(np.float32).max)
"""Above it a run has diverged, as one that is trained in float32 has."""


@dataclass(eq=False)
class _Slot:
    """A run on its way."""

    seed: Seed
    moments: NDArray[np.float64]
    """`D`: the state of the recursion."""
    risk: float
    """The expected loss now."""
    trained: list[NDArray[np.float64]] = field(default_factory=list)
    """The rates of all steps up to now."""


class ClosedFormEngine:
    """See `Engine`; samples are ignored, and there is no error besides the loss."""

    chunk_steps = 100

    def __init__(self, task: NoisyQuadratic, *, n_slots: int) -> None:
        self._task = task
        self._slots = [_Slot((), task.start, task.untrained) for _ in range(n_slots)]

    def load(self, slot: int, seed: Seed, params: Mapping[str, Any]) -> None:
        self._slots[slot] = _Slot(seed, self._task.start, self._task.untrained)

    def move(self, source: int, target: int) -> None:
        self._slots[target] = self._slots[source]
        self.load(source, (), {})

    def state(self, slot: int) -> dict[str, Any]:
        it = self._slots[slot]
        trained = [torch.from_numpy(lrs) for lrs in it.trained]
        return {"moments": torch.from_numpy(it.moments.copy()), "risk": it.risk, "trained": trained}

    def restore(self, slot: int, state: Mapping[str, Any]) -> None:
        it = self._slots[slot]
        it.moments, it.risk = state["moments"].numpy(), state["risk"]
        it.trained = [lrs.numpy() for lrs in state["trained"]]

    def train(self, samples: Tensor, lrs: NDArray[np.float64]) -> Losses:
        columns = [np.ascontiguousarray(column) for column in lrs.T]
        losses = np.stack([self._train(*pair) for pair in zip(self._slots, columns, strict=False)], axis=1)
        return lambda: losses

    def _train(self, slot: _Slot, lrs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Expected losses before each of the next steps of one run; infinite once it has diverged."""
        slot.moments, risks = self._task.train(slot.moments, lrs)
        losses = np.array([slot.risk, *risks[:-1]])
        slot.risk = float(risks[-1])
        slot.trained.append(lrs)
        return np.where(losses <= LARGEST_LOSS, losses, np.inf)

    def evaluate(self, slots: Sequence[int], split: SplitName, averaged: bool = False) -> list[Score]:
        assert not averaged, "there are no weights to average"
        return [{"loss": self._loss(self._slots[slot], split)} for slot in slots]

    def _loss(self, slot: _Slot, split: SplitName) -> float:
        if not slot.risk <= LARGEST_LOSS:
            return np.inf
        if split == "test" or not slot.trained:
            return slot.risk
        return observed(self._task, slot.risk, seed=slot.seed, trained=np.concatenate(slot.trained))


class ClosedFormTask:
    """Runs of a `NoisyQuadratic`, all of one kind; see `Task`."""

    plain = None

    def __init__(self, proxy: NoisyQuadratic) -> None:
        self._proxy = proxy

    def kind(self, run: Run) -> None:
        if run.averaged_steps:
            raise ValueError(f"{self._proxy.name} has no weights to average; leave averaged_steps out.")
        if problems := [closed_form_problem(self._proxy, name) for name in run.params]:
            raise ValueError(" ".join(problems))

    def engine(self, kind: Hashable, *, n_slots: int) -> ClosedFormEngine:
        return ClosedFormEngine(self._proxy, n_slots=n_slots)

    def batches(self, kind: Hashable, seed: Seed) -> NoBatches:
        return NoBatches()


class NoBatches:
    """Batches of no samples."""

    def take(self, n_steps: int) -> Tensor:
        return torch.empty(n_steps, 0, dtype=torch.int64)

    def draw_ahead(self, n_steps: int) -> None:
        """Nothing is drawn."""

    def state(self) -> dict[str, Tensor]:
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Nothing is drawn."""


def closed_form_problem(proxy: NoisyQuadratic, name: str) -> str:
    """Why no run of the task has a parameter of its own."""
    return (
        f"{name}: the runs of {proxy.name} differ in schedule and seed alone, its loss is computed for plain "
        "SGD at one batch size; leave it out (batch_size is an argument of the proxy)."
    )
