"""The noisy quadratic: its recursion against real SGD, what it is like, and the noise that a study sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.proxies.noisy_quadratic import NoisyQuadratic, noisy_quadratic
from search.proxies.proxy import SGD
from search.proxies.quadratic_noise import observed, standard_noise
from search.proxies.registry import build_proxy, declared_proxy
from warmboot.schedule import WarmbootSchedule

HORIZON = 600


def _sampled_losses(task: NoisyQuadratic, lrs: np.ndarray[Any, Any], n_runs: int) -> np.ndarray[Any, Any]:
    """`n_runs`: the excess loss after plain SGD with sampled inputs and targets, from `w - w* = 1`."""
    rng = np.random.default_rng(0)
    error = np.ones((n_runs, task.parameter_count))
    for lr in lrs:
        shape = (n_runs, task.batch_size, task.parameter_count)
        inputs = rng.standard_normal(shape) * np.sqrt(task.spectrum)
        residual = np.einsum("rbd,rd->rb", inputs, error)
        residual -= task.sigma * rng.standard_normal(residual.shape)
        error = error - lr * np.einsum("rb,rbd->rd", residual, inputs) / task.batch_size
    return np.asarray((error**2 @ task.spectrum) / 2)


@pytest.mark.parametrize(
    ("batch_size", "sigma", "lr"),
    [
        (1, 0.5, 0.25),  # the fourth moments weigh most where a batch is one sample
        (4, 1.0, 0.5),
        (4, 0.0, 0.9),  # no noise but the inputs'
    ],
)
def test_the_expected_loss_is_the_mean_over_real_sgd(batch_size: int, sigma: float, lr: float) -> None:
    task = noisy_quadratic(n_eigenvalues=6, sigma=sigma, batch_size=batch_size)
    lrs = lr * (1 - np.arange(12) / 12)
    sampled = _sampled_losses(task, lrs, 20_000)
    standard_error = sampled.std() / np.sqrt(len(sampled))
    assert task.excess(lrs) == pytest.approx(sampled.mean(), abs=4 * standard_error)
    assert standard_error < 0.05 * sampled.mean()


def test_without_a_step_or_without_a_rate_nothing_is_learnt() -> None:
    task = noisy_quadratic()
    assert task.risks(np.zeros(3)).tolist() == [task.untrained] * 4
    assert task.untrained == pytest.approx(0.5 * sum(1 / i for i in range(1, 129)) + 0.5)


def test_one_eigenvalue_without_noise_is_solved_by_hand() -> None:
    """`m` shrinks by `1 - 2 a + a^2 (B + 2) / B`, the `B + 2` being `B + 1` and the input's own noise."""
    task = noisy_quadratic(n_eigenvalues=1, sigma=0.0, batch_size=2)
    assert task.risks(np.array([0.5, 0.25])).tolist() == [0.5, 0.25, 0.25 * 0.625]


@given(st.lists(st.floats(0, 1.5), min_size=1, max_size=40), st.data())
def test_a_run_in_pieces_is_the_same_run(lrs: list[float], data: st.DataObject) -> None:
    task, table = noisy_quadratic(n_eigenvalues=17), np.array(lrs)
    cut = data.draw(st.integers(0, len(lrs)))
    moments, first = task.train(task.start, table[:cut])
    _, second = task.train(moments, table[cut:])
    assert np.array_equal(np.concatenate([[task.untrained], first, second]), task.risks(table))


@given(st.lists(st.floats(0, 1.5), min_size=1, max_size=40))
def test_no_schedule_reaches_the_floor(lrs: list[float]) -> None:
    assert noisy_quadratic(n_eigenvalues=17).excess(np.array(lrs)) > 0


@pytest.mark.parametrize("lr", [2.0, 10.0, 1e300])
def test_a_rate_above_stability_ends_worse_than_untrained(lr: float) -> None:
    task = noisy_quadratic()
    last = task.risks(np.full(HORIZON, lr))[-1]
    assert not last <= task.untrained


def test_the_defaults_rank_schedules_as_they_should() -> None:
    """At its best lr: linear to zero before cosine, not by much, both far before a constant rate."""
    task = noisy_quadratic()
    linear, cosine = (
        np.log(task.excess(lr * WarmbootSchedule(curve=curve).factors(HORIZON)))
        for curve, lr in (("linear", 0.784), ("cosine", 0.793))
    )
    constant = np.log(min(task.excess(np.full(HORIZON, lr)) for lr in np.geomspace(0.05, 1, 20)))
    assert task.noise < cosine - linear < 2 * task.noise
    assert constant > linear + 20 * task.noise


def test_the_noise_has_the_stated_size_mean_and_correlation() -> None:
    task = noisy_quadratic(noise=0.1, correlation=0.7)
    one, other, risk = np.full(5, 0.1), np.full(5, 0.2), 0.6
    seen = np.array(
        [[observed(task, risk, seed=(7, 1, j), trained=t) for t in (one, other)] for j in range(4000)]
    )
    logs = np.log((seen - task.floor) / (risk - task.floor))
    assert logs.std(axis=0) == pytest.approx([0.1, 0.1], rel=0.05)
    assert np.corrcoef(logs.T)[0, 1] == pytest.approx(0.7, abs=0.03)
    assert seen.mean(axis=0) == pytest.approx([risk, risk], abs=4 * 0.01 / np.sqrt(4000))


def test_the_noise_is_fixed_by_seed_and_rates() -> None:
    task, trained = noisy_quadratic(), np.linspace(1, 0, 9)
    seen = observed(task, 0.6, seed=(0, 1, 3), trained=trained)
    assert observed(task, 0.6, seed=(0, 1, 3), trained=trained.copy()) == seen
    assert observed(task, 0.6, seed=(0, 1, 4), trained=trained) != seen
    assert observed(task, 0.6, seed=(0, 1, 3), trained=trained[:8]) != seen
    assert observed(noisy_quadratic(noise=0.0), 0.6, seed=(0, 1, 3), trained=trained) == pytest.approx(0.6)


def test_fully_correlated_noise_is_the_seeds_alone() -> None:
    noises = {standard_noise((0, 1, 3), np.full(4, lr), correlation=1.0) for lr in (0.1, 0.2)}
    assert len(noises) == 1


def test_it_is_a_declared_proxy_like_any_other() -> None:
    one, other = (declared_proxy("noisy_quadratic", {"batch_size": b}) for b in (8, 16))
    assert (one.name, one.steps_per_epoch, one.batch_size) == ("noisy_quadratic", 60, 8)
    assert (one.parameter_count, one.optimizer, dict(one.metrics)) == (128, SGD(), {"val_loss": "minimize"})
    assert one.fingerprint == declared_proxy("noisy_quadratic", {}).fingerprint != other.fingerprint


def test_whoever_needs_a_model_is_told_that_there_is_none() -> None:
    with pytest.raises(ValueError, match="its loss is computed, it has no model; declared_proxy makes it"):
        build_proxy("noisy_quadratic", {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_eigenvalues": 0}, "n_eigenvalues must be at least 1 but got 0"),
        ({"exponent": -1.0}, "exponent must be finite, >= 0, but got -1.0"),
        ({"sigma": -1.0}, "sigma must be finite, >= 0, but got -1.0"),
        ({"noise": float("nan")}, "noise must be finite, >= 0, but got nan"),
        ({"batch_size": 0}, "batch_size must be at least 1 but got 0"),
        ({"correlation": 1.5}, r"correlation must lie in \[0, 1\] but got 1.5"),
        ({"spectrum": 1.0}, "spectrum is unknown; accepted are n_eigenvalues"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        declared_proxy("noisy_quadratic", arguments)


@pytest.mark.parametrize(
    ("spectrum", "start", "message"),
    [
        (np.array([1.0, 0.0]), np.ones(2), "spectrum must be a vector of finite eigenvalues > 0"),
        (np.ones((2, 2)), np.ones(2), "spectrum must be a vector"),
        (np.ones(2), np.ones(3), "start must be finite, >= 0 and of the spectrum's shape"),
        (np.ones(2), np.array([1.0, -1.0]), "start must be finite, >= 0"),
    ],
)
def test_a_spectrum_of_ones_own_is_checked(
    spectrum: np.ndarray[Any, Any], start: np.ndarray[Any, Any], message: str
) -> None:
    rest: dict[str, Any] = {
        "sigma": 1.0,
        "batch_size": 2,
        "noise": 0.0,
        "correlation": 0.0,
        "fingerprint": "",
    }
    with pytest.raises(ValueError, match=message):
        NoisyQuadratic(spectrum=spectrum, start=start, **rest)
