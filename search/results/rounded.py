"""Numbers as far as they are known: a value to two digits of the noise in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

_MOST_DIGITS = 5
_SMALL = 1e-4
"""Values below it are told by a power of ten."""


def value_text(value: float, sd: float | None) -> str:
    """A value without the digits that another seed would change.

    Args:
        value: measured once, or a mean.
        sd: the standard deviation between two seeds; None or 0 where it is not known: four digits.

    >>> value_text(2.3456789, 0.012), value_text(81.2345, 3.1), value_text(2.3456789, None)
    ('2.346', '81.2', '2.346')
    >>> value_text(2.3456789, 1e-9)  # a training without noise
    '2.3457'
    >>> value_text(1.23456e-7, 1.1e-9), value_text(1e-19, 3e-15), value_text(0.0, 1e-9)
    ('1.235e-07', '1e-19', '0.0000000000')
    """
    if not sd or not math.isfinite(sd) or not math.isfinite(value):
        return f"{value:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(sd)))
    if value:
        size = math.floor(math.log10(abs(value)))
        decimals = min(decimals, max(0, _MOST_DIGITS - 1 - size))
        if abs(value) < _SMALL:
            return f"{value:.{max(1, decimals + size + 1)}g}"
    return f"{value:.{decimals}f}"


def mean_text(values: Sequence[float], sd: float | None) -> str:
    """The mean of values on as many seeds, for a table; a dash where there are none.

    >>> mean_text([2.3412, 2.3621], 0.012), mean_text([2.3412], 0.012), mean_text([], None)
    ('2.352 (mean of 2 seeds)', '2.341 (1 seed)', '-')
    """
    if not values:
        return "-"
    seeds = "1 seed" if len(values) == 1 else f"mean of {len(values)} seeds"
    return f"{value_text(fmean(values), sd)} ({seeds})"


def sds_text(gain: float, sd: float) -> str:
    """The size of a gain in standard deviations between seeds, to one digit.

    >>> sds_text(-0.0042, 0.01), sds_text(1.0, 0.05), sds_text(0.01, 0.01)
    ('0.4', '20', '1')
    """
    return f"{float(f'{abs(gain) / sd:.1g}'):g}"


def side_text(gain: float) -> str:
    """On which side something is, and by how much.

    >>> side_text(0.0123), side_text(-2.0), side_text(0.0)
    ('ahead by 0.012', 'behind by 2', 'level')
    """
    if not gain:
        return "level"
    return f"{'ahead' if gain > 0 else 'behind'} by {abs(gain):.2g}"


def percent_text(probability: float) -> str:
    """Never 0% or 100%: nothing here is certain.

    >>> percent_text(0.873), percent_text(0.9999), percent_text(0.0001)
    ('87%', 'over 99%', 'under 1%')
    """
    if probability > 0.99:
        return "over 99%"
    return "under 1%" if probability < 0.01 else f"{100 * probability:.0f}%"
