"""The best one-cycle schedule for a `NoisyQuadratic`: what a search of lr, warm-up, power and floor can find.

Between this and the optimum over all tables (`quadratic_optimum.py`) lies what the family itself gives away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import minimize

from search.proxies.noisy_quadratic import FloatArray, NoisyQuadratic
from warmboot.built_in_curves import Polynomial
from warmboot.curves import Curve
from warmboot.schedule import WarmbootSchedule

WARMUPS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
LARGEST_POWER = 8.0
_HOPELESS = 1e3  # stands for the log excess of a schedule that overflows
_LR_GRID = 16
_LOG_LR = 0
"""Place of the logarithm of the peak lr among the coordinates of a search; what follows is the shape's."""


@dataclass(frozen=True)
class Member:
    """A schedule of a family, and what it reaches."""

    schedule: WarmbootSchedule
    excess: float
    """The expected loss above the task's floor after it."""


def best_lr(task: NoisyQuadratic, total_steps: int, shape: WarmbootSchedule) -> Member:
    """A schedule's shape at its own best peak lr."""

    def make(x: FloatArray) -> WarmbootSchedule:
        return shape.replace(lr=float(np.exp(x[_LOG_LR])))

    return _refined(task, total_steps, make, shape_start=(), shape_bounds=())


def best_in_family(
    task: NoisyQuadratic,
    total_steps: int,
    *,
    warmups: Sequence[float] = WARMUPS,
    largest_power: float = LARGEST_POWER,
) -> Member:
    """The best warm-up and polynomial fall, over peak lr > 0, power and a floor in [0, 1].

    The simplex of Nelder and Mead (Computer Journal 1965) for each warm-up, from a line of peak lrs with a
    linear fall to zero; warm-ups are compared as they are given, since one has a whole number of steps.

    Args:
        total_steps: `N`, >= 2.
        warmups: fractions of the horizon, [0, 1), at least one.
        largest_power: the power lies in [1 / largest_power, largest_power]; > 1.
    """
    limit = float(np.log(largest_power))
    bounds = ((-limit, limit), (0.0, 1.0))
    members = [
        _refined(task, total_steps, partial(_one_cycle, warmup), shape_start=(0.1, 0.02), shape_bounds=bounds)
        for warmup in warmups
    ]
    return min(members, key=lambda member: member.excess)


def _one_cycle(warmup: float, x: FloatArray) -> WarmbootSchedule:
    curve: Curve = Polynomial(power=float(np.exp(x[1])))
    return WarmbootSchedule(lr=float(np.exp(x[_LOG_LR])), warmup=warmup, curve=curve, eta_min=float(x[2]))


def _refined(
    task: NoisyQuadratic,
    total_steps: int,
    make: Callable[[FloatArray], WarmbootSchedule],
    *,
    shape_start: tuple[float, ...],
    shape_bounds: tuple[tuple[float, float], ...],
) -> Member:
    """The best of `make(x)`, from the best of a grid of peak lrs at the first shape."""

    def log_excess(x: FloatArray) -> float:
        excess = task.excess(make(x).lr_table(total_steps))
        return float(np.log(excess)) if 0 < excess < float("inf") else _HOPELESS

    edge = float(np.log(4 / task.spectrum.max()))
    lrs = np.linspace(edge - 10, edge, _LR_GRID)
    start = min((np.array([lr, *shape_start]) for lr in lrs), key=log_excess)
    found = minimize(
        log_excess,
        start,
        method="Nelder-Mead",
        bounds=((edge - 12, edge + 2), *shape_bounds),
        options={"xatol": 1e-4, "fatol": 1e-8, "maxiter": 2000, "initial_simplex": _simplex(start)},
    )
    best = make(np.asarray(found.x, dtype=np.float64))
    return Member(best, task.excess(best.lr_table(total_steps)))


def _simplex(start: FloatArray) -> FloatArray:
    """`n + 1 x n`: the start, and a step from it along each coordinate."""
    return np.vstack([start, start + np.diag([0.3, 0.3, 0.05][: len(start)])])
