"""The best peak lr of several shapes at several horizons: sweeps that are trained at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from search.direction import Direction
from search.errors import RunError
from search.statistics.lr_curve import LrCurve
from search.statistics.lr_sweep_fit import fit_lr_sweep
from search.training.batch import RunResult
from warmboot.schedule import WarmbootSchedule

OFFSETS = (-0.5, -0.25, 0.0, 0.25, 0.5)
"""Log distances of the first peak lrs from the expected one."""
FARTHER = (0.25, 0.5)
"""Log distances of additional lrs beyond the outermost one, on the side where the loss still falls."""
SEEDS = 3
ROUNDS = 5
RUNS_OF_A_SWEEP = SEEDS * len(OFFSETS)
"""Runs in a sweep that does not have to be widened."""

Wanted = tuple[WarmbootSchedule, int, int]
"""A schedule, its horizon, the number of its seed."""
Train = Callable[[Sequence[Wanted]], list[RunResult]]


@dataclass(eq=False)
class Sweep:
    """One shape at one horizon.

    Args:
        shape: without its lr.
        steps: the horizon.
        expected_lr: where its best peak lr should lie.
    """

    shape: WarmbootSchedule
    steps: int
    expected_lr: float
    values: dict[float, list[float]] = field(default_factory=dict)
    """Peak lr -> value by seed; infinite where it diverged."""

    def curve(self, direction: Direction) -> LrCurve:
        return fit_lr_sweep(list(self.values), list(self.values.values()), direction=direction)

    def further(self, direction: Direction) -> list[float]:
        """The peak lrs to train next; empty once the best one lies between those that were trained."""
        if not self.values:
            return [self.expected_lr * math.exp(offset) for offset in OFFSETS]
        lowest, highest = min(self.values), max(self.values)
        if sum(map(all_finite, self.values.values())) < 3:
            return [lowest * math.exp(-offset) for offset in FARTHER]
        bracket = self.curve(direction).bracket
        if bracket == "bracketed":
            return []
        below = [lowest * math.exp(-offset) for offset in FARTHER]
        above = [highest * math.exp(offset) for offset in FARTHER]
        if bracket == "no minimum":
            return [below[0], above[0]]
        return below if bracket == "beyond the lowest lr" else above


def all_finite(values: Sequence[float]) -> bool:
    return all(math.isfinite(value) for value in values)


def best_lrs(sweeps: Sequence[Sweep], train: Train, direction: Direction) -> list[LrCurve]:
    """Train and widen the sweeps until the best peak lr of each lies inside.

    Args:
        sweeps: empty ones.
        train: trains schedules.
        direction: which values are better.

    Raises:
        RunError: one still has no minimum after several rounds.
    """
    for _ in range(ROUNDS):
        wanted = [(sweep, lr) for sweep in sweeps for lr in sweep.further(direction)]
        if not wanted:
            return [sweep.curve(direction) for sweep in sweeps]
        reached = iter(
            train([(s.shape.replace(lr=lr), s.steps, seed) for s, lr in wanted for seed in range(SEEDS)])
        )
        for sweep, lr in wanted:
            runs = [next(reached) for _ in range(SEEDS)]
            sweep.values[lr] = [math.inf if run.diverged else run.value for run in runs]
    left = next((sweep for sweep in sweeps if sweep.further(direction)), None)
    if left is None:
        return [sweep.curve(direction) for sweep in sweeps]
    raise RunError(
        f"{left.shape.describe()} at {left.steps} steps has no best peak lr between {min(left.values):.3g} "
        f"and {max(left.values):.3g}: the loss there is flat or still falls. Train longer horizons "
        "(--horizons)."
    )
