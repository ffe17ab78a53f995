"""The primary comparison: one candidate against one standard, looked at four times.

Looking after every seed until something is significant finds differences that are not there: at 95% from
5 to 30 seeds, in 23 to 40 comparisons of 100. So the looks and their levels are fixed beforehand, and the
first look that settles the question ends it.

All four intervals together hold the true gain in 95 of 100 comparisons, whatever the gain is (by simulation
they miss it in 5.03% with normal differences, in 4.7% with Student's t of 5 degrees of freedom, in 10.7% with
strongly skewed, exponential ones). Every claim is read off these intervals, so win, lose and equivalent
share that one error: between two equal arms a false win and a false lose come in 2.5% each, and where the
true gain is as large as the margin a false equivalent comes in 2.5% at most. The interval of the look that
ended the comparison is told as a 95% interval: with early stopping it covers that much, not its own 99.9%.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.statistics.intervals import Interval, t_interval
from search.statistics.paired import PairedRuns

Outcome = Literal["win", "lose", "equivalent", "not settled"]
MARGIN_IN_SEED_SDS = 0.5


@dataclass(frozen=True, kw_only=True)
class LookPlan:
    """After how many pairs a comparison is looked at, and with which two-sided level.

    Other looks need levels of their own: simulate them before trusting their total.

    Raises:
        ValueError: looks that do not ascend from 2 or more, another number of levels, or one outside 0 to 1.
    """

    looks: tuple[int, ...] = (5, 10, 20, 30)
    levels: tuple[float, ...] = (0.001, 0.004, 0.012, 0.042)

    def __post_init__(self) -> None:
        ascending = all(early < late for early, late in zip(self.looks, self.looks[1:], strict=False))
        if not self.looks or self.looks[0] < 2 or not ascending:
            raise ValueError(f"looks must ascend from 2 or more pairs but are {self.looks}.")
        if len(self.levels) != len(self.looks) or not all(0 < level < 1 for level in self.levels):
            raise ValueError(
                f"levels must be one number between 0 and 1 for each look but are {self.levels}."
            )

    @property
    def last(self) -> int:
        """The pairs at the last look: the most a comparison trains."""
        return self.looks[-1]

    def next_look(self, n_pairs: int) -> int | None:
        """How many pairs the next look needs once `n_pairs` were looked at; None after the last."""
        return next((look for look in self.looks if look > n_pairs), None)


STATED_PLAN = LookPlan()


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one look saw.

    Attributes:
        n_pairs: the pairs it saw, all from the first on.
        mean: the mean gain, positive where the candidate is better.
        low, high: the gain's t interval at this look's level; infinite where all differences were equal.
        level: this look's two-sided level.
        correlation: of the arms over the seeds; None where an arm had no spread.
        outcome: None where the comparison goes on; "not settled" only at the last look.
    """

    n_pairs: int
    mean: float
    low: float
    high: float
    level: float
    correlation: float | None
    outcome: Outcome | None

    @property
    def interval(self) -> Interval:
        return Interval(self.low, self.high)

    def to_json(self) -> dict[str, Any]:
        """Plain data; a bound that is not known is None."""
        low, high = self.interval.ends()
        return {**self.__dict__, "low": low, "high": high}


def take_looks(runs: PairedRuns, *, margin: float, plan: LookPlan = STATED_PLAN) -> tuple[Look, ...]:
    """Every look that the pairs at hand allow, up to the first that settles the comparison.

    A pure function of the pairs in their order: a comparison that was interrupted is looked at again from the
    first pair, and pairs past the look that settled it change nothing.

    Args:
        runs: the pairs trained so far; with fewer than the first look's there are no looks.
        margin: the largest gain or loss that makes no difference to the user, in the objective's unit.
            Fix it before the first look, from other seeds than these. 0: nothing is ever equivalent.
        plan: looks and levels.

    Raises:
        ValueError: a margin that is negative or not finite.

    >>> runs = PairedRuns(candidate=(1.0, 1.1, 1.0, 0.9, 1.0), standard=(2.0, 2.2, 2.0, 2.0, 2.1),
    ...                   direction="minimize")
    >>> [(look.n_pairs, round(look.mean, 2), look.outcome) for look in take_looks(runs, margin=0.1)]
    [(5, 1.06, 'win')]
    """
    check_margin(margin)
    looks: list[Look] = []
    for n_pairs, level in zip(plan.looks, plan.levels, strict=True):
        if n_pairs > len(runs):
            break
        looks.append(_look(runs.first(n_pairs), level, margin, is_last=n_pairs == plan.last))
        if looks[-1].outcome is not None:
            break
    return tuple(looks)


def check_margin(margin: float) -> None:
    """Refuse a margin that is negative or not finite."""
    if not (math.isfinite(margin) and margin >= 0):
        raise ValueError(f"margin must be finite and at least 0 but is {margin}.")


BoolArray = NDArray[np.bool_]


def claims(low: ArrayLike, high: ArrayLike, margin: float) -> dict[Outcome, BoolArray]:
    """Which claim each interval of the gain allows, at most one; arrays of one shape, or numbers.

    An interval inside the margin is *equivalent* also where it holds no 0. The margin is what the user calls
    no difference: a gain that is surely there and surely smaller is no reason to leave a schedule
    in common use. Users who want such gains set a smaller margin.
    """
    lows, highs = np.asarray(low), np.asarray(high)
    equivalent = (lows > -margin) & (highs < margin)
    return {
        "win": (lows > 0) & ~equivalent,
        "lose": (highs < 0) & ~equivalent,
        "equivalent": equivalent,
    }


def _look(runs: PairedRuns, level: float, margin: float, *, is_last: bool) -> Look:
    interval = t_interval(runs.gains, level, scale=runs.scale)
    claimed = claims(interval.low, interval.high, margin).items()
    settled = next((outcome for outcome, holds in claimed if holds), None)
    return Look(
        n_pairs=len(runs),
        mean=float(runs.gains.mean()),
        low=interval.low,
        high=interval.high,
        level=level,
        correlation=runs.correlation,
        outcome=settled or ("not settled" if is_last else None),
    )
