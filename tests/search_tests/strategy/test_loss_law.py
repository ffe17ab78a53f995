"""The law of the loss: its sum, what it says of tables, and what a fit recovers of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import spearmanr

from search.strategy.law_fit import LawFit, Validations, non_negative
from search.strategy.loss_law import LossLaw, Tables, Vector, memory, parts_of
from tests.laws import few
from warmboot.baseline_schedules import baselines

STEPS = 240
LAW = LossLaw(floor=1.5, approach=2.0, exponent=0.4, noise=0.3, forgetting=1.5, power=1.4)
laws = st.builds(
    LossLaw,
    floor=st.floats(0.0, 3.0),
    approach=st.floats(0.1, 5.0),
    exponent=st.floats(0.1, 1.5),
    noise=st.floats(0.0, 2.0),
    forgetting=st.floats(0.05, 3.0),
    power=st.floats(0.3, 3.0),
)
lr_parts = arrays(np.float64, (3, 12), elements=st.floats(1e-3, 1.0))


def tables(lrs: Vector, steps: float = STEPS) -> Tables:
    return Tables(lrs, np.full(len(lrs), float(steps)))


Numbers = NDArray[np.int64]


def of_baselines(factor: float = 1.0, steps: int = STEPS) -> tuple[list[Vector], Numbers]:
    """Every baseline at four peak lrs, and the number of the schedule."""
    lrs = [0.05, 0.1, 0.2, 0.4]
    found = [factor * lr * shape.factors(steps) for shape in baselines().values() for lr in lrs]
    return found, np.arange(len(found), dtype=np.int64)


def seen(
    runs: list[Vector], schedules: Numbers, law: LossLaw, noise: float = 0.0, factor: float = 1.0
) -> Validations:
    """What `law` says at five places of each run; `factor`: of the unit of the lr."""
    ends = [round(len(run) * share) for run in runs for share in (0.2, 0.4, 0.6, 0.8, 1.0)]
    owners = np.repeat(np.arange(len(runs)), 5)
    parts = np.array([parts_of(runs[i][:end]) for i, end in zip(owners, ends, strict=True)])
    beginnings = Tables(parts, np.array(ends, dtype=float))
    in_units = Tables(parts / factor, beginnings.steps)
    losses = law.losses(in_units) + noise * np.random.default_rng(0).normal(size=len(ends))
    return Validations(beginnings, losses, np.full(len(ends), 10.0), schedules[owners])


@given(arrays(np.float64, 30, elements=st.floats(0.01, 0.5)), st.floats(0.05, 1.0), st.floats(0.0, 3.0))
def test_the_sum_is_that_over_all_steps(lrs: Vector, rate: float, power: float) -> None:
    sums = np.cumsum(lrs)
    directly = float((lrs**2 * (1 + rate * (sums[-1] - sums)) ** -power).sum())
    found = memory(tables(lrs[None], 30), np.array([rate]), np.array([power]))[0, 0, 0]
    assert found == pytest.approx(directly, rel=0.03)


@given(lr_parts, laws, st.floats(0.1, 10.0))
def test_the_unit_of_the_lr_is_any(lrs: Vector, law: LossLaw, factor: float) -> None:
    other = LossLaw(
        floor=law.floor,
        approach=law.approach * factor**law.exponent,
        exponent=law.exponent,
        noise=law.noise / factor**2,
        forgetting=law.forgetting / factor,
        power=law.power,
    )
    np.testing.assert_allclose(other.losses(tables(factor * lrs)), law.losses(tables(lrs)), rtol=1e-6)


@given(lr_parts, laws, st.floats(0.01, 2.0))
def test_more_of_any_part_is_a_higher_loss(lrs: Vector, law: LossLaw, more: float) -> None:
    for name in ("floor", "approach", "noise"):
        numbers = {**vars(law), name: getattr(law, name) + more}
        assert (LossLaw(**numbers).losses(tables(lrs)) > law.losses(tables(lrs))).all()


@given(st.floats(0.1, 0.9))
def test_a_high_lr_costs_less_the_earlier_it_is(place: float) -> None:
    lrs = np.full((2, 10), 0.1)
    lrs[0, int(10 * place) - 1] = lrs[1, int(10 * place)] = 0.8
    earlier, later = LAW.losses(tables(lrs))
    assert earlier < later


def test_parts_keep_the_sum_of_the_lrs() -> None:
    lrs = np.linspace(1.0, 0.0, 77)
    assert parts_of(lrs, 10).mean() * 77 == pytest.approx(lrs.sum())


@given(
    arrays(np.float64, (6, 3), elements=st.floats(0.1, 3.0)), arrays(np.float64, 6, elements=st.floats(-2, 5))
)
def test_numbers_that_may_not_be_negative_are_those_of_scipy(rows: Vector, wanted: Vector) -> None:
    numbers, left = non_negative(rows.T @ rows[None], (rows.T @ wanted)[None], np.asarray(wanted @ wanted))
    theirs, residual = nnls(rows, wanted)
    assert (numbers >= 0).all()
    assert left[0] == pytest.approx(residual**2, abs=1e-4)
    assert np.linalg.norm(rows @ numbers[0] - wanted) == pytest.approx(
        np.linalg.norm(rows @ theirs - wanted), abs=1e-3
    )


@few(12)
@given(
    st.builds(
        LossLaw,
        floor=st.floats(0.5, 3.0),
        approach=st.floats(0.5, 3.0),
        exponent=st.floats(0.2, 0.8),
        noise=st.floats(0.2, 2.0),
        forgetting=st.floats(0.2, 3.0),
        power=st.floats(0.6, 2.0),
    ),
    st.integers(0, 100),
)
def test_a_fit_to_some_schedules_foretells_the_others(law: LossLaw, draw: int) -> None:
    runs, numbers = of_baselines()
    order = np.random.default_rng(draw).permutation(len(runs))
    fitted = [runs[i] for i in order[:10]]
    fit = LawFit(seen(fitted, numbers, law), n_runs=10)
    others = tables(np.array([parts_of(runs[i]) for i in order[10:]]))
    found, truth = fit.losses(others)[0], law.losses(others)
    assert spearmanr(found, truth)[0] > 0.97
    assert np.abs(found - truth).max() < 0.15 * np.ptp(truth)


def test_noise_makes_the_ensemble_less_sure_and_leaves_the_order() -> None:
    runs, numbers = of_baselines()
    fitted, others = runs[::3], tables(np.array([parts_of(run) for run in runs]))
    sure = LawFit(seen(fitted, numbers, LAW), len(fitted)).losses(others)
    unsure = LawFit(seen(fitted, numbers, LAW, noise=0.05), len(fitted)).losses(others)
    assert unsure[1].mean() > sure[1].mean()
    assert spearmanr(unsure[0], LAW.losses(others))[0] > 0.95


@few(10)
@given(st.floats(0.01, 100.0))
def test_a_fit_is_the_same_in_any_unit_of_the_lr(factor: float) -> None:
    runs, numbers = of_baselines()
    scaled, _ = of_baselines(factor)
    plain = LawFit(seen(runs[::3], numbers, LAW), 12)
    other = LawFit(seen(scaled[::3], numbers, LAW, factor=factor), 12)
    asked = np.array([parts_of(run) for run in runs])
    np.testing.assert_allclose(
        other.losses(tables(factor * asked))[0], plain.losses(tables(asked))[0], rtol=1e-6
    )


def test_what_is_left_out_has_no_part_in_what_is_foretold_of_it() -> None:
    runs, numbers = of_baselines()
    before = seen(runs[::4], numbers, LAW)
    after = before._replace(losses=np.where(before.schedules == 2, 9.0, before.losses))
    asked = tables(np.array([parts_of(run) for run in runs[::4]]))
    told = [LawFit(validations, 8).losses(asked, without=2)[0] for validations in (before, after)]
    np.testing.assert_allclose(told[0], told[1], rtol=1e-5)
    whole = [LawFit(validations, 8).losses(asked)[0] for validations in (before, after)]
    assert not np.allclose(whole[0], whole[1], rtol=1e-3)


def test_the_best_law_of_a_fit_says_about_what_the_fit_says() -> None:
    runs, numbers = of_baselines()
    fit = LawFit(seen(runs[::3], numbers, LAW), 12)
    asked = tables(np.array([parts_of(run) for run in runs]))
    np.testing.assert_allclose(fit.best.losses(asked), fit.losses(asked)[0], rtol=0.02)
    assert math.isfinite(fit.best.floor)
