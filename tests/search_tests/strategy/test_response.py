"""The model of shape and peak lr: what it recovers from runs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from search.strategy.improvement import expected_improvement
from search.strategy.response import LrPrior, Observation, Response

PRIOR = LrPrior(x=-1.2, curvature=0.25)
BEST_X = -1.0


def truth(features: np.ndarray, x: np.ndarray) -> np.ndarray:
    return 2.0 + 0.2 * features[:, 0] + 0.25 * (x - BEST_X - 0.1 * features[:, 1]) ** 2


def data(n: int, noise: float, seed: int = 0, seeds: int = 1) -> list[Observation]:
    rng = np.random.default_rng(seed)
    features, x = rng.uniform(0, 0.5, (n, 4)), rng.uniform(-1.6, -0.4, n)
    shared = 3 * noise * rng.normal(size=seeds)
    numbers = rng.integers(seeds, size=n)
    values = truth(features, x) + noise * rng.normal(size=n) + shared[numbers] * (seeds > 1)
    return [
        Observation(f, float(u), float(v), int(s))
        for f, u, v, s in zip(features, x, values, numbers, strict=True)
    ]


def test_the_best_peak_lr_is_that_of_the_truth_and_not_of_the_prior() -> None:
    response = Response(data(40, 0.004), PRIOR)
    shapes = np.full((1, 4), 0.25)
    assert response.best_x(shapes, -2.0, 0.0)[0] == pytest.approx(BEST_X + 0.025, abs=0.06)


def test_the_best_peak_lr_stays_in_its_bounds() -> None:
    response = Response(data(40, 0.004), PRIOR)
    shapes = np.full((1, 4), 0.25)
    assert -2.0 <= response.best_x(shapes, -2.0, -1.5)[0] <= -1.5
    assert response.best_x(shapes, -0.7, -0.7)[0] == -0.7


def test_errors_are_as_large_as_it_says() -> None:
    scores = []
    for seed in range(12):
        response = Response(data(40, 0.01, seed), PRIOR)
        rng = np.random.default_rng(100 + seed)
        features, x = rng.uniform(0.1, 0.4, (20, 4)), rng.uniform(-1.4, -0.6, 20)
        mean, sd = response.predict(features, x)
        scores += list((mean - truth(features, x)) / sd)
    assert 0.3 < float(np.std(scores)) < 1.6
    assert np.mean(np.abs(scores) < 2) > 0.85


def test_what_the_seed_does_to_all_is_told_from_the_rest() -> None:
    response = Response(data(80, 0.01, seeds=6), PRIOR)
    assert response.paired_noise_sd == pytest.approx(0.01, rel=0.7)
    assert response.noise_sd > 1.7 * response.paired_noise_sd


def test_a_difference_is_surer_than_its_parts_and_of_the_same_mean() -> None:
    response = Response(data(30, 0.01, seeds=3), PRIOR)
    rng = np.random.default_rng(5)
    features, x = rng.uniform(0, 0.5, (6, 4)), rng.uniform(-1.4, -0.6, 6)
    mean, sd = response.predict(features, x)
    apart, apart_sd = response.differences(features, x, features[0], float(x[0]))
    np.testing.assert_allclose(apart, mean - mean[0], atol=1e-12)
    assert apart_sd[0] < 1e-5, "nothing differs from itself"
    assert (apart_sd <= sd + sd[0] + 1e-9).all()


def test_very_bad_runs_do_not_bend_what_is_known_of_good_ones() -> None:
    runs = data(30, 0.004)
    bad = [Observation(np.full(4, 0.25), 0.5, 80.0, 0)]
    good = np.full((1, 4), 0.25), np.array([BEST_X])
    before, _ = Response(runs, PRIOR).predict(*good)
    after, _ = Response([*runs, *bad], PRIOR).predict(*good)
    assert after[0] == pytest.approx(before[0], abs=0.02)


def test_expected_improvement_grows_with_promise_and_with_doubt() -> None:
    gains = expected_improvement(np.array([0.0, 1.0, 1.0, -1.0]), np.array([1.0, 1.0, 2.0, 1e-9]))
    assert gains[0] == pytest.approx(0.39894, abs=1e-5)
    assert gains[1] < gains[0]
    assert gains[2] > gains[1]
    assert gains[3] == pytest.approx(1.0)
