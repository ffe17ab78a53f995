"""Power of a comparison: its chances beforehand, and the pairs it needs if unsettled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from search.statistics.paired import PairedRuns
from search.statistics.sequential import MARGIN_IN_SEED_SDS, STATED_PLAN, LookPlan, check_margin, claims

POWER = 0.8
MOST_PAIRS = 10_000
_SPREADS = 400  # points of the distribution of an estimated standard deviation: the chance is exact to 0.001


@dataclass(frozen=True, kw_only=True)
class Chances:
    """How often each outcome comes, and how many pairs are trained on average; the first four add up to 1."""

    win: float
    lose: float
    equivalent: float
    not_settled: float
    mean_pairs: float

    @property
    def settled(self) -> float:
        return 1.0 - self.not_settled


def difference_sd(seed_sd: float, correlation: float) -> float:
    """Standard deviation of the difference of two arms: `seed_sd * sqrt(2 (1 - correlation))`.

    Args:
        seed_sd: of each arm between seeds, above 0.
        correlation: of the arms over the seeds, -1 up to, not including, 1.
    """
    if not (math.isfinite(seed_sd) and seed_sd > 0):
        raise ValueError(f"seed_sd must be finite and above 0 but is {seed_sd}.")
    if not -1 <= correlation < 1:
        raise ValueError(f"correlation must be at least -1 and below 1 but is {correlation}.")
    return seed_sd * math.sqrt(2 * (1 - correlation))


def verdict_chances(
    *,
    gain: float,
    seed_sd: float,
    correlation: float,
    margin: float | None = None,
    plan: LookPlan = STATED_PLAN,
    n_simulated: int = 20_000,
    seed: int = 0,
) -> Chances:
    """The chance of each outcome where the true gain, spread and correlation were as given.

    Simulated with normal differences, all comparisons at once; the same arguments give the same numbers.
    A chance of 0.5 from 20,000 comparisons has a 95% interval of 0.493 to 0.507.

    Args:
        gain: the true mean gain, in the objective's unit.
        seed_sd: standard deviation of each arm between seeds, same unit.
        correlation: of the arms over the seeds, -1 up to, not including, 1.
        margin: half a `seed_sd` where not given.
    """
    margin = MARGIN_IN_SEED_SDS * seed_sd if margin is None else margin
    check_margin(margin)
    if n_simulated < 1:
        raise ValueError(f"n_simulated must be at least 1 but is {n_simulated}.")
    spread = difference_sd(seed_sd, correlation)
    draws = np.random.default_rng(seed).normal(gain, spread, size=(n_simulated, plan.last))
    return outcome_shares(draws, margin, plan)


def outcome_shares(gains: NDArray[np.float64], margin: float, plan: LookPlan) -> Chances:
    """How many comparisons came to each outcome, looked at all together.

    Args:
        gains: `[comparisons, pairs]`, as many pairs as the last look needs.
        margin: of equivalence, in the unit of the gains.
        plan: looks and levels.
    """
    open_still = np.ones(len(gains), dtype=np.bool_)
    counts = dict.fromkeys(("win", "lose", "equivalent"), 0)
    pairs_trained, before = 0, 0
    for n_pairs, level in zip(plan.looks, plan.levels, strict=True):
        pairs_trained += int(open_still.sum()) * (n_pairs - before)
        seen = gains[:, :n_pairs]
        half = stats.t.ppf(1 - level / 2, n_pairs - 1) * seen.std(axis=1, ddof=1) / math.sqrt(n_pairs)
        mean = seen.mean(axis=1)
        settled = claims(mean - half, mean + half, margin)
        for outcome, holds in settled.items():
            counts[outcome] += int((holds & open_still).sum())
        open_still &= ~np.any(list(settled.values()), axis=0)
        before = n_pairs
    n = len(gains)
    return Chances(
        win=counts["win"] / n,
        lose=counts["lose"] / n,
        equivalent=counts["equivalent"] / n,
        not_settled=int(open_still.sum()) / n,
        mean_pairs=pairs_trained / n,
    )


def settle_chance(n_pairs: int, *, gain: float, difference_sd: float, margin: float, level: float) -> float:
    """The chance that one look at `n_pairs` settles a comparison, for normal differences.

    For a given estimate `s` of the spread the interval has the half-width `h = t s / sqrt(n)`, and the look
    settles nothing where the mean's size lies between `max(0, margin - h)` and `h`. That chance is averaged
    over the distribution of `s` (chi-square).

    >>> round(settle_chance(30, gain=1.0, difference_sd=1.0, margin=0.0, level=0.05), 3)
    1.0
    """
    check_margin(margin)
    if n_pairs < 2 or not difference_sd > 0:
        raise ValueError(
            f"n_pairs must be at least 2 and difference_sd above 0 but are {n_pairs} and {difference_sd}."
        )
    shares = (np.arange(_SPREADS) + 0.5) / _SPREADS
    estimates = difference_sd * np.sqrt(stats.chi2.ppf(shares, n_pairs - 1) / (n_pairs - 1))
    half = stats.t.ppf(1 - level / 2, n_pairs - 1) * estimates / math.sqrt(n_pairs)
    inner = np.minimum(np.maximum(0.0, margin - half), half)
    mean = stats.norm(gain, difference_sd / math.sqrt(n_pairs))
    unsettled = mean.cdf(half) - mean.cdf(inner) + mean.cdf(-inner) - mean.cdf(-half)
    return float(1.0 - unsettled.mean())


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
