"""How many pairs would settle a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from search.statistics.paired import PairedRuns
from search.statistics.power import (
    pairs_to_settle,
    pairs_wanted,
    settle_chance,
)


@pytest.mark.parametrize(("n_pairs", "gain", "margin"), [(10, 0.0, 0.8), (10, 0.9, 0.0), (30, 0.3, 0.5)])
def test_the_chance_of_one_look_by_simulation(n_pairs: int, gain: float, margin: float) -> None:
    draws = np.random.default_rng(4).normal(gain, 1.0, size=(20_000, n_pairs))
    half = stats.t.ppf(0.975, n_pairs - 1) * stats.sem(draws, axis=1)
    size = np.abs(draws.mean(axis=1))
    settled = int(((size > half) | (size + half < margin)).sum())
    chance = settle_chance(n_pairs, gain=gain, difference_sd=1.0, margin=margin, level=0.05)
    assert stats.binomtest(settled, 20_000, chance).pvalue > 0.001


def test_without_a_margin_the_chance_is_that_of_the_t_test() -> None:
    quantile = stats.t.ppf(0.975, 19)
    power = stats.nct.sf(quantile, 19, 0.6 * np.sqrt(20)) + stats.nct.cdf(-quantile, 19, 0.6 * np.sqrt(20))
    chance = settle_chance(20, gain=0.6, difference_sd=1.0, margin=0.0, level=0.05)
    assert chance == pytest.approx(float(power), abs=1e-3)


@pytest.mark.parametrize(
    ("gain", "pairs"),
    [
        (1.0, 11),
        (0.5, 34),  # the textbook number for half a standard deviation at 5% and 80%
        (0.0, 44),  # to be shown equivalent within half of one
        (0.25, 54),  # half the margin is the hardest
    ],
)
def test_pairs_to_settle(gain: float, pairs: int) -> None:
    wanted = pairs_to_settle(gain=gain, difference_sd=1.0, margin=0.5)
    assert wanted is not None
    assert wanted == pytest.approx(pairs, abs=2)
    asked: dict[str, Any] = {"gain": gain, "difference_sd": 1.0, "margin": 0.5, "level": 0.042}
    assert settle_chance(wanted, **asked) >= 0.8 > settle_chance(wanted - 1, **asked)


def test_no_number_of_pairs_tells_equal_arms_apart_without_a_margin() -> None:
    assert pairs_to_settle(gain=0.0, difference_sd=1.0, margin=0.0) is None


def test_pairs_wanted_after_a_comparison_are_more_than_it_had() -> None:
    gains = np.random.default_rng(5).normal(0.2, 1.0, size=30)
    runs = PairedRuns(candidate=tuple(-gains), standard=(0.0,) * 30, direction="minimize")
    wanted = pairs_wanted(runs, margin=0.5)
    assert wanted is not None
    assert wanted > 30
    equal = PairedRuns(candidate=(1.0,) * 30, standard=(1.0,) * 30, direction="minimize")
    assert pairs_wanted(equal, margin=0.5) is None


def test_refusals() -> None:
    with pytest.raises(ValueError, match="n_pairs must be at least 2 and difference_sd above 0"):
        settle_chance(1, gain=0.0, difference_sd=1.0, margin=0.0, level=0.05)
    with pytest.raises(ValueError, match="power must lie between 0 and 1 but is 1"):
        pairs_to_settle(gain=1.0, difference_sd=1.0, margin=0.0, power=1.0)
