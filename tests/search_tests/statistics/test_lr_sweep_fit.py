"""The best peak lr of a sweep on shared seeds: what a seed does to all, cliffs, divergence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.statistics.lr_sweep_fit import fit_lr_sweep

LRS = [0.3 * math.exp(offset) for offset in (-0.5, -0.25, 0.0, 0.25, 0.5)]


def parabola(best: float, *, seeds: tuple[float, ...] = (0.0, 0.0, 0.0)) -> list[list[float]]:
    return [[2.0 + 0.3 * math.log(lr / best) ** 2 + seed for seed in seeds] for lr in LRS]


@given(st.floats(0.2, 0.45), st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=4))
def test_what_a_seed_does_to_all_lrs_moves_nothing(best: float, seeds: list[float]) -> None:
    curve = fit_lr_sweep(LRS, parabola(best, seeds=tuple(seeds)), direction="minimize")
    assert curve.lr == pytest.approx(best, rel=1e-4)
    assert curve.log_error == pytest.approx(0.0, abs=1e-4)


def test_higher_may_be_better() -> None:
    values = [[-value for value in row] for row in parabola(0.33)]
    assert fit_lr_sweep(LRS, values, direction="maximize").lr == pytest.approx(0.33)


def test_a_best_lr_outside_is_told_with_its_side() -> None:
    assert fit_lr_sweep(LRS, parabola(3.0), direction="minimize").bracket == "beyond the highest lr"
    assert fit_lr_sweep(LRS, parabola(0.01), direction="minimize").bracket == "beyond the lowest lr"


def test_a_cliff_past_the_best_lr_does_not_hide_it() -> None:
    """Flat and noisy up to where training breaks: the best five lrs alone fall towards the cliff."""
    lrs = np.geomspace(0.1, 0.7, 9)
    values = [
        [0.11 - 0.01 * math.log(lr / 0.1) + 0.001 * (-1) ** i for _ in range(3)] for i, lr in enumerate(lrs)
    ]
    values[-2:] = [[0.5] * 3, [1.8] * 3]
    curve = fit_lr_sweep(lrs.tolist(), values, direction="minimize")
    assert curve.bracket == "bracketed"
    assert curve.lr is not None
    assert lrs[3] < curve.lr < lrs[-2]


def test_lrs_that_diverged_are_left_out() -> None:
    values = parabola(0.3)
    values[-1][0] = math.inf
    curve = fit_lr_sweep(LRS, values, direction="minimize")
    assert curve.lr == pytest.approx(0.3)


def test_too_few_lrs_that_never_diverged() -> None:
    values = [[math.inf, 1.0], [1.0, 1.0], [1.0, 1.1], [math.nan, 1.0], [1.0, math.inf]]
    with pytest.raises(ValueError, match=r"2 of 5 lrs never diverged.*train lower lrs"):
        fit_lr_sweep(LRS, values, direction="minimize")


def test_a_flat_sweep_has_no_minimum() -> None:
    assert fit_lr_sweep(LRS, [[1.0, 2.0]] * 5, direction="minimize").bracket == "no minimum"
