"""The gain told in steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.direction import Direction
from search.statistics.steps_gain import steps_gain

HORIZONS = [600, 800, 1000]


def loss(steps: float) -> float:
    return 1.5 + 15 / math.sqrt(steps)


def rows(spread: float = 0.0, seeds: int = 3, shift: float = 0.0) -> list[list[float]]:
    """Losses of the candidate at the three horizons; the seeds differ by `spread`."""
    return [[loss(h) + shift + spread * seed for seed in range(seeds)] for h in HORIZONS]


def test_the_crossing_of_a_curve_without_noise() -> None:
    gain = steps_gain(HORIZONS, rows(), [loss(720)] * 3, standard_steps=1000, direction="minimize")
    assert gain.fewer == pytest.approx(0.28, abs=0.002)  # the cubic between three points is not the curve
    assert gain.low == pytest.approx(0.28, abs=0.004)
    assert gain.high == pytest.approx(0.28, abs=0.004)


def test_a_seed_effect_that_both_share_costs_nothing() -> None:
    standard = [loss(720) + 0.5 * seed for seed in range(3)]
    gain = steps_gain(HORIZONS, rows(spread=0.5), standard, standard_steps=1000, direction="minimize")
    assert gain.high - gain.low < 0.01


def test_a_horizon_where_they_are_equal_is_found_exactly() -> None:
    gain = steps_gain(HORIZONS, rows(), [loss(800)] * 3, standard_steps=1000, direction="minimize")
    assert gain.fewer == pytest.approx(0.2)


@pytest.mark.parametrize("steps", [600, 1000])
def test_an_end_of_the_horizons_is_a_crossing_too(steps: int) -> None:
    gain = steps_gain(HORIZONS, rows(), [loss(steps)] * 3, standard_steps=1000, direction="minimize")
    assert gain.fewer == pytest.approx(1 - steps / 1000)


def test_where_the_larger_value_is_better() -> None:
    values = [[-each for each in row] for row in rows()]
    gain = steps_gain(HORIZONS, values, [-loss(720)] * 3, standard_steps=1000, direction="maximize")
    assert gain.fewer == pytest.approx(0.28, abs=0.002)


def test_a_candidate_that_needs_more_steps() -> None:
    gain = steps_gain(HORIZONS, rows(), [loss(900)] * 3, standard_steps=800, direction="minimize")
    assert gain.fewer == pytest.approx(1 - 900 / 800, abs=0.003)


@pytest.mark.parametrize(
    ("values", "standard", "reason", "low", "high"),
    [
        # ahead everywhere, and surely: at least 40% fewer
        (rows(), loss(500), "ahead at 600 steps already, the shortest trained", 0.4, math.inf),
        # behind everywhere, and surely: at most 0% fewer
        (rows(), loss(2000), "behind at 1000 steps still, the longest trained", -math.inf, 0.0),
        # longer is worse: no curve to read off
        (rows()[::-1], loss(720), "does not improve with every longer horizon", -math.inf, math.inf),
    ],
)
def test_what_is_not_bracketed_is_not_known(
    values: list[list[float]], standard: float, reason: str, low: float, high: float
) -> None:
    gain = steps_gain(HORIZONS, values, [standard] * 3, standard_steps=1000, direction="minimize")
    assert gain.fewer is None
    assert reason in gain.reason
    assert (gain.low, gain.high) == pytest.approx((low, high))


def test_an_end_that_noise_hides_is_not_bounded() -> None:
    standard = [loss(720) + noise for noise in (-0.2, 0.0, 0.2)]
    gain = steps_gain(HORIZONS, rows(), standard, standard_steps=1000, direction="minimize")
    assert gain.fewer == pytest.approx(0.28, abs=0.002)
    assert (gain.low, gain.high) == (-math.inf, math.inf)


@given(offset=st.floats(-3, 3), scale=st.floats(0.01, 100))
def test_another_unit_or_origin_changes_no_steps(offset: float, scale: float) -> None:
    noise = np.random.default_rng(7).normal(0, 0.01, size=(4, 5))
    candidate = [[loss(h) + noise[i, s] for s in range(5)] for i, h in enumerate(HORIZONS)]
    standard = [loss(720) + noise[3, s] for s in range(5)]
    here = steps_gain(HORIZONS, candidate, standard, standard_steps=1000, direction="minimize")
    there = steps_gain(
        HORIZONS,
        (offset + scale * np.asarray(candidate)).tolist(),
        (offset + scale * np.asarray(standard)).tolist(),
        standard_steps=1000,
        direction="minimize",
    )
    assert there.fewer == pytest.approx(here.fewer, abs=1e-6)
    assert (there.low, there.high) == pytest.approx((here.low, here.high), abs=2e-3)


@pytest.mark.parametrize("shared", [0.0, 0.85])
def test_the_interval_holds_the_truth_as_often_as_it_says(shared: float) -> None:
    rng = np.random.default_rng(8)
    held = 0
    for _ in range(300):
        common = 0.02 * math.sqrt(shared) * rng.normal(size=5)
        own = 0.02 * math.sqrt(1 - shared) * rng.normal(size=(4, 5))
        candidate = [[loss(h) + common[s] + own[i, s] for s in range(5)] for i, h in enumerate(HORIZONS)]
        standard = [loss(720) + common[s] + own[3, s] for s in range(5)]
        gain = steps_gain(HORIZONS, candidate, standard, standard_steps=1000, direction="minimize")
        held += gain.low <= 0.28 <= gain.high
    assert held / 300 > 0.92


@pytest.mark.parametrize(
    ("horizons", "candidate", "standard", "steps", "direction", "match"),
    [
        ([1000], [[1.0, 1.0]], [1.0, 1.0], 1000, "minimize", "horizons must be at least 2, ascending"),
        ([10, 10], [[1.0, 1.0]] * 2, [1.0, 1.0], 10, "minimize", "horizons must be at least 2, ascending"),
        ([5, 10], [[1.0, 1.0]] * 2, [1.0, 1.0], 0, "minimize", "standard_steps must be at least 1 but is 0"),
        ([5, 10], [[1.0]] * 2, [1.0], 10, "minimize", "2 seeds or more"),
        ([5, 10], [[1.0, 1.0]], [1.0, 1.0], 10, "minimize", r"for each of 2 horizons.*has shape \(1, 2\)"),
        ([5, 10], [[1.0, math.nan]] * 2, [1.0, 1.0], 10, "minimize", "values must be finite; a diverged"),
        ([5, 10], [[1.0, 1.0]] * 2, [1.0, 1.0], 10, "up", "direction must be"),
    ],
)
def test_refusals(
    horizons: list[int],
    candidate: list[list[float]],
    standard: list[float],
    steps: int,
    direction: Direction,
    match: str,
) -> None:
    with pytest.raises(ValueError, match=match):
        steps_gain(horizons, candidate, standard, standard_steps=steps, direction=direction)
