"""The best lr table and the best one-cycle schedule: gradients, optimality, and the order of the two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quadratic_family import best_in_family, best_lr
from quadratic_optimum import Optimum, best_table, log_excess_and_gradient
from scipy.optimize import check_grad

from search.proxies.noisy_quadratic import NoisyQuadratic, noisy_quadratic
from tests.laws import few
from warmboot.schedule import WarmbootSchedule

N = 40
WARMUPS = (0.0, 0.1)


@pytest.fixture(scope="module")
def task() -> NoisyQuadratic:
    return noisy_quadratic(n_eigenvalues=16)


@pytest.fixture(scope="module")
def optimum(task: NoisyQuadratic) -> Optimum:
    return best_table(task, N)


@given(st.lists(st.floats(0, 1.5), min_size=1, max_size=12))
@few(25)
def test_the_gradient_is_that_of_finite_differences(lrs: list[float]) -> None:
    task, table = noisy_quadratic(n_eigenvalues=9, batch_size=2), np.array(lrs)
    difference = check_grad(
        lambda t: log_excess_and_gradient(task, t)[0], lambda t: log_excess_and_gradient(task, t)[1], table
    )
    assert difference < 1e-4 * (1 + float(np.linalg.norm(log_excess_and_gradient(task, table)[1])))


def test_the_value_is_that_of_the_recursion(task: NoisyQuadratic) -> None:
    table = np.linspace(0.8, 0.0, N)
    assert log_excess_and_gradient(task, table)[0] == pytest.approx(np.log(task.excess(table)), rel=1e-9)


def test_a_table_that_overflows_is_turned_back_from(task: NoisyQuadratic) -> None:
    value, gradient = log_excess_and_gradient(task, np.full(N, 1e200))
    assert value > 100
    assert not gradient.any()


def test_no_small_change_of_the_best_table_is_better(task: NoisyQuadratic, optimum: Optimum) -> None:
    rng = np.random.default_rng(0)
    assert optimum.slope < 1e-4
    for size in (0.003, 0.03, 0.3):
        for _ in range(100):
            other = optimum.lr_table * np.exp(size * rng.standard_normal(N))
            assert task.excess(other) >= optimum.excess


def test_other_starts_come_no_lower(task: NoisyQuadratic, optimum: Optimum) -> None:
    rng = np.random.default_rng(1)
    starts = [rng.uniform(0, 1, N) for _ in range(3)]
    assert best_table(task, N, starts=starts).excess == pytest.approx(optimum.excess, rel=1e-5)


def test_with_one_eigenvalue_the_best_table_is_known() -> None:
    """Each step is best at the rate of least `m` after it: `a = m / (m (B + 2) / B + sigma^2 / B)`."""
    task = noisy_quadratic(n_eigenvalues=1, batch_size=4)
    m, table = 1.0, []
    for _ in range(10):
        a = m / (m * 6 / 4 + 1 / 4)
        m = (1 - a) ** 2 * m + a**2 * (2 * m + 1) / 4
        table.append(a)
    assert best_table(task, 10).lr_table == pytest.approx(table, rel=1e-3)


def test_the_best_table_beats_the_best_of_a_family_beats_linear(
    task: NoisyQuadratic, optimum: Optimum
) -> None:
    linear = best_lr(task, N, WarmbootSchedule(curve="linear"))
    member = best_in_family(task, N, warmups=WARMUPS)
    assert optimum.excess < member.excess < linear.excess
    assert member.excess == task.excess(member.schedule.lr_table(N))


def test_no_other_member_is_better(task: NoisyQuadratic) -> None:
    best = best_in_family(task, N, warmups=WARMUPS)
    lr = best.schedule.lr
    assert lr is not None
    for warmup in WARMUPS:
        for factor in (0.5, 0.9, 1.0, 1.1, 2.0):
            for floor in (0.0, 0.01, 0.03, 0.1):
                other = best.schedule.replace(lr=lr * factor, warmup=warmup, eta_min=floor)
                assert task.excess(other.lr_table(N)) >= best.excess * (1 - 1e-6)


@pytest.mark.parametrize("total_steps", [0, -1])
def test_a_table_has_a_step(task: NoisyQuadratic, total_steps: int) -> None:
    with pytest.raises(ValueError, match=f"total_steps must be at least 1 but got {total_steps}"):
        best_table(task, total_steps)


def test_starts_are_of_the_horizon(task: NoisyQuadratic) -> None:
    with pytest.raises(ValueError, match="each start must have 5 rates but one has 4"):
        best_table(task, 5, starts=[np.zeros(5), np.zeros(4)])
