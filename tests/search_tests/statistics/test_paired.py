"""Paired values, their gains and intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from search.direction import Direction
from search.statistics.intervals import UNBOUNDED, Interval, t_interval
from search.statistics.paired import PairedRuns


def runs(candidate: list[float], standard: list[float], direction: Direction = "minimize") -> PairedRuns:
    return PairedRuns(candidate=tuple(candidate), standard=tuple(standard), direction=direction)


@pytest.mark.parametrize(
    ("direction", "gains"),
    [
        ("minimize", [1.0, -0.5]),  # a loss of 2 in place of 3 is a gain of 1
        ("maximize", [-1.0, 0.5]),
    ],
)
def test_a_gain_is_positive_where_the_candidate_is_better(direction: Direction, gains: list[float]) -> None:
    assert runs([2.0, 1.5], [3.0, 1.0], direction).gains.tolist() == gains


def test_swapped_arms_change_the_sign_of_every_gain() -> None:
    candidate, standard = [2.0, 1.5, 1.0], [3.0, 1.0, 1.5]
    assert runs(standard, candidate).gains.tolist() == (-runs(candidate, standard).gains).tolist()


def test_correlation_and_spread_of_the_arms() -> None:
    assert runs([1.0, 2.0, 3.0], [1.0, 3.0, 5.0]).correlation == pytest.approx(1.0)
    assert runs([1.0, 2.0, 3.0], [5.0, 3.0, 1.0]).correlation == pytest.approx(-1.0)
    assert runs([1.0, 2.0, 3.0], [1.0, 3.0, 5.0]).seed_sd == pytest.approx(2.0)  # of the standard
    assert runs([1.0, 1.0, 1.0], [1.0, 3.0, 5.0]).correlation is None  # an arm without spread
    assert runs([1.0], [2.0]).correlation is None


@pytest.mark.parametrize(
    ("candidate", "standard", "direction", "match"),
    [
        ([1.0], [1.0, 2.0], "minimize", "one value for each shared seed but have 1 and 2"),
        (
            [math.nan],
            [1.0],
            "minimize",
            "candidate must be finite but number 0 is nan; a diverged run counts",
        ),
        ([1.0, 1.0], [1.0, math.inf], "minimize", "standard must be finite but number 1 is inf"),
        ([1.0], [1.0], "down", "direction must be 'minimize' or 'maximize' but is 'down'"),
    ],
)
def test_pairs_that_are_none_are_refused(
    candidate: list[float], standard: list[float], direction: Direction, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        runs(candidate, standard, direction)


def test_the_first_pairs_and_no_more_than_there_are() -> None:
    pairs = runs([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert pairs.first(2) == runs([1.0, 2.0], [4.0, 5.0])
    with pytest.raises(ValueError, match="n_pairs must lie in 0 to 3 but is 4"):
        pairs.first(4)
    with pytest.raises(ValueError, match="needs at least 2 pairs but has 1"):
        _ = pairs.first(1).seed_sd


def test_the_t_interval_by_hand() -> None:
    # mean 2, standard deviation 1, t(2) at 97.5% is 4.3027: 2 -+ 4.3027 / sqrt(3)
    interval = t_interval([1.0, 2.0, 3.0], 0.05, scale=3.0)
    assert interval.low == pytest.approx(2 - 2.4841, abs=1e-4)
    assert interval.high == pytest.approx(2 + 2.4841, abs=1e-4)
    assert interval.half_width == pytest.approx(2.4841, abs=1e-4)


def test_equal_differences_bound_nothing() -> None:
    assert t_interval([0.0] * 5, 0.05, scale=1.0) == UNBOUNDED
    # 0.3 - 0.2 and 0.4 - 0.3 differ in the last bits only
    rounded = runs([0.2, 0.3, 0.1], [0.3, 0.4, 0.2])
    assert np.ptp(rounded.gains) > 0
    assert rounded.all_gains_equal
    assert t_interval(rounded.gains, 0.05, scale=rounded.scale) == UNBOUNDED
    assert UNBOUNDED.ends() == (None, None)
    assert Interval(1.0, 2.0).ends() == (1.0, 2.0)


@pytest.mark.parametrize(
    ("values", "level", "match"),
    [
        ([1.0], 0.05, r"differences must be a list of at least 2 numbers but has shape \(1,\)"),
        ([1.0, 2.0], 0.0, "level must lie between 0 and 1 but is 0.0"),
        ([1.0, 2.0], 1.0, "level must lie between 0 and 1 but is 1.0"),
    ],
)
def test_an_interval_of_nothing_is_refused(values: list[float], level: float, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        t_interval(values, level, scale=1.0)
