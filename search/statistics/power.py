"""Power of a comparison: how many pairs it needs if it was not settled."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from search.statistics.intervals import student_quantile
from search.statistics.paired import PairedRuns
from search.statistics.sequential import STATED_PLAN, LookPlan, check_margin

POWER = 0.8
MOST_PAIRS = 10_000
_SPREADS = 400  # points of the distribution of an estimated standard deviation: the chance is exact to 0.001


def settle_chance(n_pairs: int, *, gain: float, difference_sd: float, margin: float, level: float) -> float:
    """The chance that one look at `n_pairs` settles a comparison, for normal differences.

    For a given estimate `s` of the spread the interval has the half-width `h = t s / sqrt(n)`, and the look
    settles nothing where the mean's size lies between `max(0, margin - h)` and `h`. That chance is averaged
    over the distribution of `s` (chi-square).

    >>> round(settle_chance(30, gain=1.0, difference_sd=1.0, margin=0.0, level=0.05), 3)
    1.0
    """
    from scipy import special

    check_margin(margin)
    if n_pairs < 2 or not difference_sd > 0:
        raise ValueError(
            f"n_pairs must be at least 2 and difference_sd above 0 but are {n_pairs} and {difference_sd}."
        )
    error = difference_sd / math.sqrt(n_pairs)
    half = student_quantile(1 - level / 2, n_pairs - 1) * error * _spreads(n_pairs)
    inner = np.minimum(np.maximum(0.0, margin - half), half)

    def share_below(mean: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(special.ndtr((mean - gain) / error))

    unsettled = share_below(half) - share_below(inner) + share_below(-inner) - share_below(-half)
    return float(1.0 - unsettled.mean())


def _spreads(n_pairs: int) -> NDArray[np.float64]:
    """`[_SPREADS]`: equally likely estimates of a standard deviation of 1 by so many pairs."""
    from scipy import special

    shares = (np.arange(_SPREADS) + 0.5) / _SPREADS
    freedom = n_pairs - 1
    return np.asarray(np.sqrt(2 * special.gammaincinv(freedom / 2, shares) / freedom))


def pairs_to_settle(
    *,
    gain: float,
    difference_sd: float,
    margin: float,
    level: float = STATED_PLAN.levels[-1],
    power: float = POWER,
    at_least: int = 2,
) -> int | None:
    """The pairs in all with which one look at `level` would settle a comparison with chance `power`.

    It takes the gain and the spread to be what they were measured to be, which they are not quite: a guide
    to the size of the matter, not a promise. Pairs past the last look are no part of the stated 5%:
    a comparison with more of them is a new one, on fresh seeds.

    Returns:
        The smallest such number from `at_least` on; None where 10,000 pairs would not do (a gain of 0 with a
        margin of 0 is never settled).
    """

    def enough(n_pairs: int) -> bool:
        chance = settle_chance(n_pairs, gain=gain, difference_sd=difference_sd, margin=margin, level=level)
        return chance >= power

    if not 0 < power < 1:
        raise ValueError(f"power must lie between 0 and 1 but is {power}.")
    if not enough(MOST_PAIRS):
        return None
    low, high = at_least - 1, at_least
    while not enough(high):
        low, high = high, min(2 * high, MOST_PAIRS)
    while high - low > 1:  # the chance rises with the pairs
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def pairs_wanted(runs: PairedRuns, *, margin: float, plan: LookPlan = STATED_PLAN) -> int | None:
    """`pairs_to_settle` for a comparison that was not settled, more than it has; None also without spread."""
    if runs.all_gains_equal:
        return None
    return pairs_to_settle(
        gain=float(runs.gains.mean()),
        difference_sd=float(runs.gains.std(ddof=1)),
        margin=margin,
        level=plan.levels[-1],
        at_least=len(runs) + 1,
    )
