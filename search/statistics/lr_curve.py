"""The best peak lr at one horizon: the vertex of a parabola in log lr, not the argmin of a grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from search.direction import Direction, sign_of
from search.statistics.intervals import UNBOUNDED, Interval, finite_values, normal_quantile, student_quantile

Bracket = Literal["bracketed", "beyond the lowest lr", "beyond the highest lr", "no minimum"]
FEWEST_POINTS = 4  # three coefficients and one degree of freedom for their error
FEWEST_LRS = 3
ANY_LR = Interval(0.0, math.inf)
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LrCurve:
    """The best peak lr according to a sweep.

    Attributes:
        bracket: whether the vertex lies between the lrs that were used; if not, on which side to train more.
        lr: the best peak lr; None unless it is bracketed.
        interval: its interval, in lr; 0 to infinity where the sweep is too flat to bound it.
        log_error: standard error of `log(lr)`, to weight it with, stretched by Student's quantile over the
            normal one because it rests on few points; infinite unless the vertex is bracketed.
        used: points the parabola was fitted to.
        dropped: points left out, diverged or worse than the window.
    """

    bracket: Bracket
    lr: float | None
    interval: Interval
    log_error: float
    used: int
    dropped: int


def fit_lr_curve(
    lrs: Sequence[float], values: Sequence[float], *, window: float, direction: Direction, level: float = 0.05
) -> LrCurve:
    """Fit `value = a (log lr)^2 + b log lr + c` and find its vertex.

    Far from its minimum no loss is a parabola, and a diverged run is no loss at all. So only points within
    `window` of the best mean at one lr are used: a lr whose mean over its seeds is worse is left out whole,
    since dropping single unlucky seeds would flatter it. The interval is Fieller's (1954, J. R. Stat. Soc.
    B 16): the points at which the slope can't be told from 0.

    Args:
        lrs: peak lrs, above 0; a lr trained with several seeds stands there as often.
        values: as many; one that is not finite counts as diverged.
        window: in the objective's unit, above 0. Five to ten standard deviations between seeds are a good
            size: a wider one takes in more of a lopsided curve, whose vertex the parabola misses.
        direction: which values are better.
        level: of the interval, two-sided.

    Raises:
        ValueError: other lengths, lrs or windows not above 0, or too little left within the window: fewer
            than three lrs or four points.
    """
    log_lrs, losses = _checked(lrs, values, window, direction)
    kept = _within_window(log_lrs, losses, window)
    x, y = log_lrs[kept], losses[kept]
    if np.unique(x).size < FEWEST_LRS or x.size < FEWEST_POINTS:
        raise ValueError(
            f"a parabola needs {FEWEST_LRS} lrs and {FEWEST_POINTS} runs within {window:g} of the best "
            f"but has {np.unique(x).size} and {x.size}; train more lrs near the best one, "
            f"{math.exp(log_lrs[losses.argmin()]):g}."
        )
    return _vertex(x, y, level, dropped=int((~kept).sum()))


def _vertex(x: FloatArray, y: FloatArray, level: float, *, dropped: int) -> LrCurve:
    """The vertex of the parabola through losses `y` at log lrs `x`, both `[N]`."""
    centre = x.mean()  # without it, the powers of log lr are nearly collinear
    (a, b, _), full_covariance = np.polyfit(x - centre, y, 2, cov=True)
    covariance = full_covariance[:2, :2]
    bracket = _bracket(a, b, x - centre)
    if bracket != "bracketed":
        return LrCurve(
            bracket=bracket, lr=None, interval=ANY_LR, log_error=math.inf, used=x.size, dropped=dropped
        )
    vertex = -b / (2 * a)
    quantile = student_quantile(1 - level / 2, x.size - 3)
    slope_is_zero = _fieller(a, b, covariance, quantile)
    towards = np.array([2 * vertex, 1.0])  # derivative of the slope in (a, b): the delta method
    error = math.sqrt(towards @ covariance @ towards) / (2 * a)
    return LrCurve(
        bracket=bracket,
        lr=math.exp(centre + vertex),
        interval=Interval(centre + slope_is_zero.low, centre + slope_is_zero.high).exp(),
        log_error=error * quantile / normal_quantile(1 - level / 2),
        used=x.size,
        dropped=dropped,
    )


def _checked(
    lrs: Sequence[float], values: Sequence[float], window: float, direction: Direction
) -> tuple[FloatArray, FloatArray]:
    lr_array = finite_values(lrs, "lrs", at_least=1)
    losses = sign_of(direction) * np.asarray(values, dtype=np.float64)
    if losses.shape != lr_array.shape:
        raise ValueError(
            f"values must have the length of lrs ({lr_array.size}) but have shape {losses.shape}."
        )
    if not (lr_array > 0).all():
        raise ValueError(f"lrs must be above 0 but the lowest is {lr_array.min()}.")
    if not (math.isfinite(window) and window > 0):
        raise ValueError(f"window must be finite and above 0 but is {window}.")
    return np.log(lr_array), np.where(np.isfinite(losses), losses, np.inf)


def _within_window(log_lrs: FloatArray, losses: FloatArray, window: float) -> NDArray[np.bool_]:
    """`[N]`: whether a point's lr has a mean within the window of the best mean."""
    _, group = np.unique(log_lrs, return_inverse=True)
    means = np.bincount(group, weights=losses) / np.bincount(group)
    if not np.isfinite(means).any():
        raise ValueError("every lr has a diverged run; train lower lrs.")
    kept: NDArray[np.bool_] = (means <= means.min() + window)[group]
    return kept


def _bracket(a: float, b: float, x: FloatArray) -> Bracket:
    """The vertex of `a x^2 + b x`, relative to the points."""
    if a <= 0:
        falls = a * (x.max() + x.min()) + b < 0
        return "no minimum" if b == 0 else ("beyond the highest lr" if falls else "beyond the lowest lr")
    vertex = -b / (2 * a)
    if vertex <= x.min():
        return "beyond the lowest lr"
    return "beyond the highest lr" if vertex >= x.max() else "bracketed"


def _fieller(a: float, b: float, covariance: FloatArray, quantile: float) -> Interval:
    """The x at which the slope `2 a x + b` is within `quantile` errors of 0.

    That is a quadratic in x, `(2 a x + b)^2 <= quantile^2 var(2 a x + b)`; with a curvature that can't be
    told from 0 it holds for arbitrarily large x.
    """
    square = quantile**2
    second = 4 * (a**2 - square * covariance[0, 0])
    first = 4 * (a * b - square * covariance[0, 1])
    constant = b**2 - square * covariance[1, 1]
    if second <= 0:
        return UNBOUNDED
    root = math.sqrt(max(first**2 - 4 * second * constant, 0.0))
    return Interval((-first - root) / (2 * second), (-first + root) / (2 * second))
