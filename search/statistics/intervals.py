"""Student's t interval of a mean, and the rule for values without spread."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`; an infinite end is a bound that is not known."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2

    def exp(self) -> Interval:
        """The interval of the exponential; an end too large for a float is infinite.

        >>> Interval(0.0, 1000.0).exp()
        Interval(low=1.0, high=inf)
        """
        with np.errstate(over="ignore"):
            return Interval(float(np.exp(self.low)), float(np.exp(self.high)))

    def ends(self) -> tuple[float | None, float | None]:
        """Both ends for JSON, which has no infinity: None where a bound is not known."""
        low, high = (end if math.isfinite(end) else None for end in (self.low, self.high))
        return low, high


UNBOUNDED = Interval(-math.inf, math.inf)


def finite_values(values: ArrayLike, name: str, *, at_least: int) -> NDArray[np.float64]:
    """`values` as float64 `[N]`.

    Raises:
        ValueError: fewer than `at_least`, more than one axis, or one that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size < at_least:
        raise ValueError(f"{name} must be a list of at least {at_least} numbers but has shape {array.shape}.")
    if not np.isfinite(array).all():
        place = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(
            f"{name} must be finite but number {place} is {array[place]}; "
            "a diverged run counts with its untrained value."
        )
    return array


def spread_is_zero(differences: NDArray[np.float64], *, scale: float) -> bool:
    """Whether the differences are equal but for rounding; `scale` is the size of what was subtracted."""
    return bool(np.ptp(differences) <= 8 * np.finfo(np.float64).eps * abs(scale))


def t_interval(differences: Sequence[float] | NDArray[np.float64], level: float, *, scale: float) -> Interval:
    """The two-sided t interval of the mean that misses it with probability `level`.

    Differences that are all equal tell nothing of their spread: a metric is then coarser than its noise, or
    both arms are one training. Student's formula would give an interval of no width; this gives one
    without bounds.

    Args:
        differences: at least two, finite.
        level: two-sided, above 0 and below 1.
        scale: the largest size of the values that were subtracted, for telling rounding from spread.

    >>> interval = t_interval([1.0, 2.0, 3.0], 0.05, scale=3.0)
    >>> round(interval.low, 3), round(interval.high, 3)
    (-0.484, 4.484)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1 but is {level}.")
    array = finite_values(differences, "differences", at_least=2)
    if spread_is_zero(array, scale=scale):
        return UNBOUNDED
    half = student_quantile(1 - level / 2, array.size - 1) * standard_error(array)
    mean = float(array.mean())
    return Interval(mean - half, mean + half)


# scipy.stats has the same functions; importing it takes longer than all else that a quick command needs, and
# scipy.special half as long as that: it is imported when something is computed.


def normal_quantile(share: float) -> float:
    """
    >>> round(normal_quantile(0.975), 4)
    1.96
    """
    from scipy import special

    return float(special.ndtri(share))


def student_quantile(share: float, degrees_of_freedom: int) -> float:
    """
    >>> round(student_quantile(0.975, 4), 3)
    2.776
    """
    from scipy import special

    return float(special.stdtrit(degrees_of_freedom, share))


def standard_error(values: NDArray[np.float64]) -> float:
    """Of the mean of at least 2 values."""
    return float(values.std(ddof=1)) / math.sqrt(values.size)
