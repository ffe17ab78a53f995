"""The gain told in steps: how many fewer the candidate needs to reach the standard's value.

The candidate is trained to several horizons, its schedule rescaled to each; the standard to one, `T`. Where
the candidate's mean over the horizons crosses the standard's mean lies the horizon `h` that is worth the
standard's `T`, and `1 - h / T` is the share of steps saved.

The curve between the horizons is a monotone cubic in `log h` (Fritsch and Carlson 1980, SIAM J. Numer.
Anal. 17). The interval holds the horizons at which a paired t test can't tell the candidate from the
standard: with few seeds it covers what it says, where a bootstrap over five of them does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from search.direction import Direction, sign_of
from search.statistics.intervals import standard_error, student_quantile

if TYPE_CHECKING:
    from scipy.interpolate import PchipInterpolator

_GRID = 801  # points between the horizons, at which the t test is taken
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class StepsGain:
    """The share of the standard's steps that the candidate saves; negative where it needs more.

    Attributes:
        fewer: 0.2 is a fifth fewer; None where it is not known.
        low, high: its interval; infinite at an end that the trained horizons don't reach.
        level: of the interval, two-sided.
        reason: why `fewer` is not known; empty where it is.
    """

    fewer: float | None
    low: float
    high: float
    level: float
    reason: str = ""


def steps_gain(
    horizons: Sequence[int],
    candidate: Sequence[Sequence[float]],
    standard: Sequence[float],
    *,
    standard_steps: int,
    direction: Direction,
    level: float = 0.05,
) -> StepsGain:
    """Find the horizon at which the candidate is worth the standard's `standard_steps`.

    Args:
        horizons: `H` of them, at least 2, ascending, in optimizer steps.
        candidate: `[H, S]`, values at each horizon, seeds in the standard's order.
        standard: `[S]`, values at `standard_steps`, at least 2 seeds.
        standard_steps: the horizon `T` of the standard.
        direction: which values are better.
        level: of the interval, two-sided.

    Raises:
        ValueError: shapes that do not fit, values that are not finite, horizons that do not ascend from 1.

    >>> halves = [[2.4, 2.5, 2.3], [2.0, 2.1, 1.9]]
    >>> gain = steps_gain([500, 1000], halves, [2.2, 2.3, 2.1], standard_steps=1000, direction="minimize")
    >>> round(gain.fewer, 3)  # half-way in log steps: 1 - 0.5 ** 0.5
    0.293
    """
    from scipy.interpolate import PchipInterpolator  # takes long to import, and verdicts are read more often

    ahead = _ahead(horizons, candidate, standard, standard_steps, direction)  # [H, S], positive is better
    log_horizons = np.log(np.asarray(horizons, dtype=np.float64))
    means = ahead.mean(axis=1)
    if not (np.diff(means) > 0).all():
        return _not_known(level, "the candidate's mean does not improve with every longer horizon")
    curve = PchipInterpolator(log_horizons, means)
    low, high = (1 - h / standard_steps for h in _indistinct(log_horizons, ahead, curve, level)[::-1])
    if means[0] > 0:
        reason = f"the candidate is ahead at {horizons[0]} steps already, the shortest trained"
        return StepsGain(fewer=None, low=low, high=high, level=level, reason=reason)
    if means[-1] < 0:
        reason = f"the candidate is behind at {horizons[-1]} steps still, the longest trained"
        return StepsGain(fewer=None, low=low, high=high, level=level, reason=reason)
    crossing = _crossing(curve, log_horizons[0], log_horizons[-1])
    return StepsGain(fewer=1 - crossing / standard_steps, low=low, high=high, level=level)


def _crossing(curve: PchipInterpolator, first: float, last: float) -> float:
    """The horizon at which a rising curve is 0; an end that misses 0 by rounding alone is the crossing."""
    from scipy.optimize import brentq

    ends = curve([first, last])
    if not ends[0] < 0 < ends[1]:
        return math.exp(first if abs(ends[0]) < abs(ends[1]) else last)
    return math.exp(float(brentq(curve, first, last)))


def _not_known(level: float, reason: str) -> StepsGain:
    return StepsGain(fewer=None, low=-math.inf, high=math.inf, level=level, reason=reason)


def _ahead(
    horizons: Sequence[int],
    candidate: Sequence[Sequence[float]],
    standard: Sequence[float],
    standard_steps: int,
    direction: Direction,
) -> FloatArray:
    """`[H, S]`: how far the candidate at each horizon is ahead of the standard at its own, seed by seed."""
    sign = sign_of(direction)
    curve, target = np.asarray(candidate, dtype=np.float64), np.asarray(standard, dtype=np.float64)
    if len(horizons) < 2 or horizons[0] < 1 or not (np.diff(horizons) > 0).all():
        raise ValueError(f"horizons must be at least 2, ascending from 1 or more, but are {list(horizons)}.")
    if standard_steps < 1:
        raise ValueError(f"standard_steps must be at least 1 but is {standard_steps}.")
    if target.ndim != 1 or target.size < 2 or curve.shape != (len(horizons), target.size):
        raise ValueError(
            f"candidate must have a value for each of {len(horizons)} horizons and {target.size} seeds, "
            f"2 seeds or more, but has shape {curve.shape}."
        )
    if not (np.isfinite(curve).all() and np.isfinite(target).all()):
        raise ValueError("values must be finite; a diverged run counts with its untrained value.")
    return sign * (target - curve)


def _indistinct(
    log_horizons: FloatArray, ahead: FloatArray, curve: PchipInterpolator, level: float
) -> tuple[float, float]:
    """The horizons between which the mean can't be told from 0; infinite beyond what was trained."""
    grid = np.linspace(log_horizons[0], log_horizons[-1], _GRID)
    mean = curve(grid)
    # Between two horizons the mean of both would be less noisy than either; the cubic uses that only in part.
    error = np.interp(grid, log_horizons, [standard_error(values) for values in ahead])
    half = student_quantile(1 - level / 2, ahead.shape[1] - 1) * error
    behind, ahead_surely = mean + half < 0, mean - half > 0
    # Outwards to the next point that is told apart, also where the noise changes along the curve.
    last_behind = int(np.argmin(behind)) - 1 if not behind.all() else _GRID - 1
    first_ahead = _GRID - int(np.argmin(ahead_surely[::-1])) if not ahead_surely.all() else 0
    return (
        math.exp(grid[last_behind]) if behind[0] else -math.inf,
        math.exp(grid[first_ahead]) if ahead_surely[-1] else math.inf,
    )
