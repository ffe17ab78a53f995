"""The sweep of the peak lr on one shape, in trainings much shorter than the study's own.

Everything else is tried at peak lrs derived from it. A ninth of the horizon finds the right order of
magnitude for a ninth of the cost; the best peak lr falls slowly as the horizon grows, `lr*(T) = b T^-beta`
(Bjorck et al., arXiv 2409.19913), and the full runs that follow correct what is left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from warmboot.space import FloatRange

SHORTER = 9
"""The sweep trains this many times shorter."""
LEAST_STEPS = 30
"""Steps of a training that still says something about the lr."""
BETA = 0.15
"""Assumed exponent of the horizon; measured 0.0 to 0.3 on the built-in proxies."""
SPACING = 0.8
"""Distance of two peak lrs in the log: about a factor of 2.2."""
MERGED = 0.2
"""Log lrs closer than this are one place of the parabola."""
MOST, FEWEST = 9, 4
TRIALS_FOR_ONE = 8
"""A sweep may take one of this many of a study's trials."""


@dataclass(frozen=True)
class SweepPlan:
    """Which peak lrs are tried, and for how many steps each. `lrs` is empty where none is searched."""

    lrs: tuple[float, ...]
    horizon_steps: int


@dataclass(frozen=True)
class SweepPoint:
    """One training of the sweep."""

    lr: float
    value: float
    """Lower is better."""


def sweep_plan(
    lr: float | FloatRange, total_steps: int, *, n_trials: int | None, may_shorten: bool
) -> SweepPlan:
    """The sweep a study can afford.

    Args:
        lr: the study's peak lr.
        total_steps: its horizon.
        n_trials: how many trials it has, where that limits it: a short trial counts like a long one.
        may_shorten: whether a training can have another horizon.
    """
    short = total_steps // SHORTER
    if not isinstance(lr, FloatRange) or not may_shorten or short < LEAST_STEPS:
        return SweepPlan((), total_steps)
    count = min(MOST, max(FEWEST, 1 + round(math.log(lr.high / lr.low) / SPACING)))
    if n_trials is not None:
        count = min(count, n_trials // TRIALS_FOR_ONE)
    if count < FEWEST:
        return SweepPlan((), total_steps)
    return SweepPlan(cell_centres(lr, count), short)


def cell_centres(lr: FloatRange, count: int) -> tuple[float, ...]:
    """The centres of `count` equal cells of the range of log lr, rising.

    >>> cell_centres(FloatRange(low=0.01, high=1.0, log=True), 2)
    (0.0316..., 0.316...)
    """
    low, high = math.log(lr.low), math.log(lr.high)
    return tuple(math.exp(low + (high - low) * (i + 0.5) / count) for i in range(count))


def lr_at_horizon(lr: float, horizon_steps: int, other_steps: int) -> float:
    """The peak lr for a training of another length: `lr*(T) = b T^-BETA`.

    >>> lr_at_horizon(0.3, 600, 600)
    0.3
    """
    return lr if horizon_steps == other_steps else lr * (horizon_steps / other_steps) ** BETA


def best_swept(points: Sequence[SweepPoint], *, shortened_by: float) -> float | None:
    """The log peak lr at which full trainings should start: that of the best point and its better neighbour,
    weighted by a parabola where the three bend.

    Args:
        points: the finished trainings of one shape; those at almost the same lr are averaged.
        shortened_by: how many times shorter than the horizon they were.

    Returns:
        None where fewer than three different lrs were tried.
    """
    x, y = _merged(points)
    if len(x) < 3:
        return None
    least = int(np.argmin(y))
    first = min(max(least - 1, 0), len(y) - 3)
    bend, best = parabola(x[first : first + 3], y[first : first + 3])
    if bend <= 0:
        best = x[least]
    best = float(np.clip(best, x[max(least - 1, 0)], x[min(least + 1, len(x) - 1)]))
    return best - BETA * math.log(shortened_by)


def _merged(points: Sequence[SweepPoint]) -> tuple[list[float], list[float]]:
    """Log lrs, rising, and the mean value of each."""
    groups: list[list[SweepPoint]] = []
    for point in sorted(points, key=lambda point: point.lr):
        if groups and math.log(point.lr / groups[-1][0].lr) < MERGED:
            groups[-1].append(point)
        else:
            groups.append([point])
    x = [fmean(math.log(point.lr) for point in group) for group in groups]
    return x, [fmean(point.value for point in group) for group in groups]


def parabola(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Half the second derivative of the parabola through three points, and where its slope is 0; where it is
    straight, the middle of the first two.

    >>> parabola([0.0, 1.0, 2.0], [1.0, 0.0, 1.0])
    (1.0, 1.0)
    """
    left, right = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    bend = (right - left) / (x[2] - x[0])
    middle = (x[0] + x[1]) / 2
    return bend, middle - left / (2 * bend) if bend != 0 else x[1]
