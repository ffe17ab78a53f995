"""Restart points: uniform order statistics with a least cycle, and back."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmboot.restart_points import fractions_from_unit, unit_from_fractions

MIN_CYCLE = 0.05
units = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=6)
warmups = st.floats(0.0, 0.5)


@given(units, warmups)
def test_every_cycle_has_its_least_length(u: list[float], warmup: float) -> None:
    edges = [warmup, *fractions_from_unit(u, warmup=warmup, min_cycle=MIN_CYCLE), 1.0]
    assert all(b - a >= MIN_CYCLE - 1e-12 for a, b in itertools.pairwise(edges))


@given(units, warmups)
def test_points_lead_back_to_themselves(u: list[float], warmup: float) -> None:
    fractions = fractions_from_unit(u, warmup=warmup, min_cycle=MIN_CYCLE)
    back = unit_from_fractions(fractions, warmup=warmup, min_cycle=MIN_CYCLE)
    assert back is not None
    again = fractions_from_unit(back, warmup=warmup, min_cycle=MIN_CYCLE)
    np.testing.assert_allclose(again, fractions, rtol=0, atol=1e-12)


@given(st.lists(st.floats(0.0, 0.999), min_size=1, max_size=4), warmups)
def test_units_lead_back_to_themselves(u: list[float], warmup: float) -> None:
    """Short of 1, where all later points fall together and any unit gives the same."""
    fractions = fractions_from_unit(u, warmup=warmup, min_cycle=MIN_CYCLE)
    back = unit_from_fractions(fractions, warmup=warmup, min_cycle=MIN_CYCLE)
    assert back is not None
    np.testing.assert_allclose(back, u, rtol=0, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_uniform_units_give_uniform_order_statistics(n: int) -> None:
    """The same distribution as sorting `n` uniforms; quantiles of 20,000 draws are within 0.015 of it."""
    random = np.random.default_rng(0)
    points = np.array(
        [fractions_from_unit(u, warmup=0.0, min_cycle=1e-9) for u in random.random((20_000, n)).tolist()]
    )
    levels = np.linspace(0.05, 0.95, 19)
    expected = np.sort(random.random((20_000, n)), axis=1)
    for j in range(n):
        found, known = np.quantile(points[:, j], levels), np.quantile(expected[:, j], levels)
        np.testing.assert_allclose(found, known, atol=0.02)


def test_a_permutation_of_the_units_is_another_schedule() -> None:
    one = fractions_from_unit([0.2, 0.7], warmup=0.0, min_cycle=MIN_CYCLE)
    other = fractions_from_unit([0.7, 0.2], warmup=0.0, min_cycle=MIN_CYCLE)
    assert one != other


def test_the_formula_by_hand() -> None:
    # n = 2, g = 0.1, warm-up 0.1: room 0.6; p_1 = 1 - sqrt(1 - 0.75) = 0.5, p_2 = 0.5 + 0.5 * 0.5 = 0.75
    points = fractions_from_unit([0.75, 0.5], warmup=0.1, min_cycle=0.1)
    assert points == pytest.approx((0.1 + 0.1 + 0.6 * 0.5, 0.1 + 0.2 + 0.6 * 0.75), abs=1e-15)


@pytest.mark.parametrize(
    "fractions",
    [
        (0.03,),  # the first cycle is too short
        (0.97,),  # the last one
        (0.5, 0.52),  # one in between
        (0.1, 0.2, 0.3, 0.97),
        tuple(k / 30 for k in range(1, 30)),  # no room at all
    ],
)
def test_points_outside_have_no_units(fractions: tuple[float, ...]) -> None:
    assert unit_from_fractions(fractions, warmup=0.0, min_cycle=MIN_CYCLE) is None


@pytest.mark.parametrize("fractions", [(0.05,), (0.95,), (1 / 3, 2 / 3), (0.05, 0.1, 0.15), (0.9, 0.95)])
def test_points_on_the_edge_belong(fractions: tuple[float, ...]) -> None:
    found = unit_from_fractions(fractions, warmup=0.0, min_cycle=MIN_CYCLE)
    assert found is not None
    assert all(0.0 <= u <= 1.0 for u in found)
    again = fractions_from_unit(found, warmup=0.0, min_cycle=MIN_CYCLE)
    np.testing.assert_allclose(again, fractions, atol=1e-12)
