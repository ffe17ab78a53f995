"""The best peak lr of a sweep."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.direction import Direction
from search.statistics.lr_curve import LrCurve, fit_lr_curve

LRS = [0.05, 0.1, 0.2, 0.4, 0.8]


def parabola(lr: float, best: float = 0.2) -> float:
    return 2.0 + 0.05 * math.log(lr / best) ** 2


def sweep(best: float = 0.2, noise: float = 0.0, lrs: list[float] = LRS) -> LrCurve:
    values = np.random.default_rng(0).normal([parabola(lr, best) for lr in lrs], noise)
    return fit_lr_curve(lrs, values.tolist(), window=1.0, direction="minimize")


@pytest.mark.parametrize("best", [0.2, 0.15, 0.07, 0.7])
def test_the_vertex_between_the_grid_points(best: float) -> None:
    curve = sweep(best)
    assert curve.bracket == "bracketed"
    assert curve.lr == pytest.approx(best)
    assert (curve.used, curve.dropped) == (5, 0)


@pytest.mark.parametrize(
    ("best", "bracket"),
    [(0.01, "beyond the lowest lr"), (5.0, "beyond the highest lr")],
)
def test_a_minimum_outside_the_sweep_is_said_to_be(best: float, bracket: str) -> None:
    curve = sweep(best)
    assert (curve.bracket, curve.lr, curve.log_error) == (bracket, None, math.inf)
    assert (curve.interval.low, curve.interval.high) == (0.0, math.inf)


@pytest.mark.parametrize(
    ("values", "bracket"),
    [
        ([2.00, 2.05, 2.06, 2.05, 2.01], "beyond the lowest lr"),  # a hill, lower on the left
        ([2.01, 2.05, 2.06, 2.05, 2.00], "beyond the highest lr"),
    ],
)
def test_a_hill_has_no_minimum_inside(values: list[float], bracket: str) -> None:
    assert fit_lr_curve(LRS, values, window=1.0, direction="minimize").bracket == bracket


def test_where_the_larger_value_is_better() -> None:
    values = [-parabola(lr) for lr in LRS]
    curve = fit_lr_curve(LRS, values, window=1.0, direction="maximize")
    assert curve.lr == pytest.approx(0.2)


def test_diverged_and_bad_lrs_are_left_out_whole() -> None:
    lrs = [*LRS, 1.6, 1.6, 3.2]
    values = [*(parabola(lr) for lr in LRS), parabola(1.6), 4.6, math.nan]  # one of two seeds at 1.6 diverged
    curve = fit_lr_curve(lrs, values, window=0.5, direction="minimize")
    assert (curve.used, curve.dropped) == (5, 3)
    assert curve.lr == pytest.approx(0.2)


def test_a_flat_sweep_does_not_bound_the_lr() -> None:
    values = [2.0 + x for x in (0.01, -0.011, 0.009, -0.010, 0.0101)]
    curve = fit_lr_curve(LRS, values, window=1.0, direction="minimize")
    assert curve.bracket == "bracketed"
    assert (curve.interval.low, curve.interval.high) == (0.0, math.inf)


@given(factor=st.floats(1e-4, 1e4), scale=st.floats(0.01, 100), offset=st.floats(-5, 5))
def test_units_of_lr_and_loss_carry_over(factor: float, scale: float, offset: float) -> None:
    values = np.random.default_rng(1).normal([parabola(lr) for lr in LRS], 0.003)
    here = fit_lr_curve(LRS, values.tolist(), window=1.0, direction="minimize")
    there = fit_lr_curve(
        [factor * lr for lr in LRS],
        (offset + scale * values).tolist(),
        window=scale,
        direction="minimize",
    )
    assert here.lr is not None
    assert there.lr == pytest.approx(factor * here.lr, rel=1e-6)
    assert there.interval.low == pytest.approx(factor * here.interval.low, rel=1e-5)
    assert there.interval.high == pytest.approx(factor * here.interval.high, rel=1e-5)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    lrs = [0.2 * 2.0 ** (k / 2) for k in range(-4, 5)]
    clean = [parabola(lr) for lr in lrs]
    held = 0
    for _ in range(600):
        curve = fit_lr_curve(lrs, rng.normal(clean, 0.01).tolist(), window=0.3, direction="minimize")
        held += 0.2 in curve.interval
    assert 0.92 < held / 600 < 0.98


@pytest.mark.parametrize(
    ("lrs", "values", "window", "direction", "match"),
    [
        ([0.1, 0.2], [1.0], 1.0, "minimize", r"values must have the length of lrs \(2\)"),
        ([0.0, 0.2], [1.0, 1.0], 1.0, "minimize", "lrs must be above 0 but the lowest is 0"),
        ([0.1, 0.2], [1.0, 1.0], 0.0, "minimize", "window must be finite and above 0 but is 0"),
        ([0.1, 0.2], [1.0, 1.0], 1.0, "minimize", "3 lrs and 4 runs within 1 of the best but has 2 and 2"),
        ([0.1, 0.2, 0.4], [1.0, 0.9, 1.0], 1.0, "minimize", "has 3 and 3; train more lrs near .* 0.2"),
        (LRS, [9.0, 1.0, 1.0, 9.0, 9.0], 1.0, "minimize", "but has 2 and 2"),
        (LRS, [math.nan] * 5, 1.0, "minimize", "every lr has a diverged run; train lower lrs"),
        (LRS, [1.0] * 5, 1.0, "down", "direction must be"),
    ],
)
def test_refusals(
    lrs: list[float], values: list[float], window: float, direction: Direction, match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        fit_lr_curve(lrs, values, window=window, direction=direction)
