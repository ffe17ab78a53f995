"""Chances of a comparison beforehand, and how many pairs would settle it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from search.statistics.paired import PairedRuns
from search.statistics.power import (
    difference_sd,
    outcome_shares,
    pairs_to_settle,
    pairs_wanted,
    settle_chance,
    verdict_chances,
)
from search.statistics.sequential import STATED_PLAN, take_looks


def test_all_comparisons_at_once_agree_with_one_at_a_time() -> None:
    gains = np.random.default_rng(3).normal(0.4, 1.0, size=(150, 30))
    single = [
        take_looks(PairedRuns(candidate=tuple(-row), standard=(0.0,) * 30, direction="minimize"), margin=0.5)[
            -1
        ]
        for row in gains
    ]
    together = outcome_shares(gains, 0.5, STATED_PLAN)
    assert together.win == sum(look.outcome == "win" for look in single) / 150
    assert together.lose == sum(look.outcome == "lose" for look in single) / 150
    assert together.equivalent == sum(look.outcome == "equivalent" for look in single) / 150
    assert together.not_settled == sum(look.outcome == "not settled" for look in single) / 150
    assert together.mean_pairs == pytest.approx(sum(look.n_pairs for look in single) / 150)


def test_chances_add_up_and_repeat() -> None:
    asked: dict[str, Any] = {"gain": 0.5, "seed_sd": 1.0, "correlation": 0.5, "n_simulated": 4000}
    chances = verdict_chances(**asked)
    assert chances.win + chances.lose + chances.equivalent + chances.not_settled == pytest.approx(1.0)
    assert chances.settled == pytest.approx(1 - chances.not_settled)
    assert chances == verdict_chances(**asked)
    assert chances.win == pytest.approx(0.74, abs=0.03)


@pytest.mark.parametrize(
    ("gain", "correlation", "outcome"),
    [(2.0, 0.85, "win"), (-2.0, 0.85, "lose"), (0.0, 0.95, "equivalent"), (0.1, 0.0, "not_settled")],
)
def test_what_is_clear_is_found(gain: float, correlation: float, outcome: str) -> None:
    chances = verdict_chances(gain=gain, seed_sd=1.0, correlation=correlation, n_simulated=4000)
    assert getattr(chances, outcome) > 0.85


def test_pairing_helps_and_the_unit_does_not_matter() -> None:
    settled = [
        verdict_chances(gain=0.5, seed_sd=1.0, correlation=rho, n_simulated=4000).settled
        for rho in (0, 0.5, 0.9)
    ]
    assert settled == sorted(settled)
    in_hundredths = verdict_chances(gain=0.005, seed_sd=0.01, correlation=0, n_simulated=4000)
    assert in_hundredths.settled == pytest.approx(settled[0], abs=1e-3)


def test_difference_sd_by_hand() -> None:
    assert difference_sd(3.0, 0.0) == pytest.approx(3 * np.sqrt(2))
    assert difference_sd(3.0, 0.5) == pytest.approx(3.0)
    assert difference_sd(3.0, -1.0) == pytest.approx(6.0)


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
    with pytest.raises(ValueError, match="seed_sd must be finite and above 0 but is 0"):
        difference_sd(0.0, 0.5)
    with pytest.raises(ValueError, match="correlation must be at least -1 and below 1 but is 1"):
        difference_sd(1.0, 1.0)
    with pytest.raises(ValueError, match="n_simulated must be at least 1 but is 0"):
        verdict_chances(gain=0.0, seed_sd=1.0, correlation=0.0, n_simulated=0)
    with pytest.raises(ValueError, match="n_pairs must be at least 2 and difference_sd above 0"):
        settle_chance(1, gain=0.0, difference_sd=1.0, margin=0.0, level=0.05)
    with pytest.raises(ValueError, match="power must lie between 0 and 1 but is 1"):
        pairs_to_settle(gain=1.0, difference_sd=1.0, margin=0.0, power=1.0)
