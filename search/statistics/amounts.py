"""Numbers with their intervals, as a person reads them."""

from __future__ import annotations

import math

from search.statistics.intervals import Interval

_MOST_DECIMALS = 12


def with_interval(mean: float, interval: Interval, *, extra: str = "") -> str:
    """A mean and its 95% interval, to two digits of its width and so that no bound is rounded onto 0."""
    if not math.isfinite(interval.half_width):
        return f"{mean:.3g} (no interval: the differences are all equal{extra})"
    decimals = 0
    if interval.half_width > 0:
        decimals = min(max(0, 1 - math.floor(math.log10(interval.half_width))), _MOST_DECIMALS)
    ends = (interval.low, interval.high)
    while decimals < _MOST_DECIMALS and any(end != 0 and round(end, decimals) == 0 for end in ends):
        decimals += 1
    low, high, middle = (f"{number:.{decimals}f}" for number in (*ends, mean))
    return f"{middle} (95% {low} to {high}{extra})"
