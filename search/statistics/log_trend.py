"""A straight line in the logarithm of the horizon, weighted, with the error of what it foretells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.statistics.intervals import Interval, finite_values, normal_quantile

FEWEST_HORIZONS = 3
FARTHEST = 30.0
"""Times the longest horizon: beyond it, nothing is predicted unless asked for."""
SHORTEST = 3.0
"""Times shorter than the shortest horizon, likewise. Shorter trainings soon have no use for the lr that a
line promises them: the largest with which they are stable does not grow with it."""


@dataclass(frozen=True, kw_only=True)
class LogTrend:
    """`value(T) = level + slope (log T - centre)`, fitted by weighted least squares.

    Attributes:
        slope: change of the value for each e-fold of the horizon.
        level: the value at `exp(centre)` steps.
        centre: weighted mean of the log horizons; there, level and slope are uncorrelated.
        slope_error, level_error: their standard errors.
        excess: how much the points scatter about the line beyond their errors, at least 1; the errors are
            widened by it (Birge 1932, Phys. Rev. 40).
        shortest_steps, longest_steps: the horizons that were fitted lie between these.
    """

    slope: float
    level: float
    centre: float
    slope_error: float
    level_error: float
    excess: float
    shortest_steps: int
    longest_steps: int

    def at(self, steps: int, *, error_level: float = 0.05) -> tuple[float, Interval]:
        """The line at a horizon, with the interval of the line there (not of a single run)."""
        if steps < 1:
            raise ValueError(f"steps must be at least 1 but is {steps}.")
        away = math.log(steps) - self.centre
        value = self.level + self.slope * away
        half = normal_quantile(1 - error_level / 2) * math.hypot(self.level_error, self.slope_error * away)
        return value, Interval(value - half, value + half)

    def within_reach(self, steps: int) -> bool:
        """Whether the horizon is at most 30 times the longest that was fitted, and at least a third of the
        shortest."""
        return self.too_far(steps) is None

    def too_far(self, steps: int) -> str | None:
        """How the horizon lies beyond what was fitted, to follow the number of steps; None within reach."""
        if steps > FARTHEST * self.longest_steps:
            return (
                f"more than {FARTHEST:g} times the longest horizon that was trained ({self.longest_steps:,})"
            )
        if SHORTEST * steps < self.shortest_steps:
            return f"less than a third of the shortest horizon that was trained ({self.shortest_steps:,})"
        return None


def fit_log_trend(horizons: Sequence[int], values: Sequence[float], errors: Sequence[float]) -> LogTrend:
    """Fit the line.

    Args:
        horizons: at least 3 different ones, in optimizer steps, 1 or more.
        values: as many, finite.
        errors: their standard errors, finite and above 0.

    Raises:
        ValueError: fewer horizons, other lengths, or errors not above 0.

    >>> trend = fit_log_trend([100, 300, 900], [3.0, 2.0, 1.0], [0.1, 0.1, 0.1])
    >>> round(trend.at(2700)[0], 6)
    0.0
    """
    steps = finite_values(np.asarray(horizons, dtype=np.float64), "horizons", at_least=1)
    y = finite_values(values, "values", at_least=1)
    sigma = finite_values(errors, "errors", at_least=1)
    _check(steps, y, sigma)
    x = np.log(steps)
    centre = float(np.average(x, weights=sigma**-2))
    (slope, level), covariance = np.polyfit(x - centre, y, 1, w=1 / sigma, cov="unscaled")
    residuals = (y - level - slope * (x - centre)) / sigma
    excess = max(1.0, math.sqrt(float(residuals @ residuals) / (x.size - 2)))
    return LogTrend(
        slope=float(slope),
        level=float(level),
        centre=centre,
        slope_error=excess * math.sqrt(covariance[0, 0]),
        level_error=excess * math.sqrt(covariance[1, 1]),
        excess=excess,
        shortest_steps=int(steps.min()),
        longest_steps=int(steps.max()),
    )


def _check(steps: NDArray[np.float64], values: NDArray[np.float64], errors: NDArray[np.float64]) -> None:
    if not steps.size == values.size == errors.size:
        raise ValueError(
            "horizons, values and errors must have the same length "
            f"but have lengths {steps.size}, {values.size} and {errors.size}."
        )
    if np.unique(steps).size < FEWEST_HORIZONS or steps.min() < 1:
        raise ValueError(
            f"a trend needs {FEWEST_HORIZONS} different horizons of 1 step or more "
            f"but has {[int(step) for step in steps]}; train another."
        )
    if not (errors > 0).all():
        raise ValueError(f"errors must be above 0 but the smallest is {errors.min()}.")
