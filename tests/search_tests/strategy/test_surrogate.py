"""The model of shape and peak lr: what it recovers from runs whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import approx_fprime

from search.strategy.acquisition import expected_improvement
from search.strategy.observations import Observation, Points
from search.strategy.posterior import Posterior
from search.strategy.scales import SPREAD, TYPICAL, Scales
from search.strategy.surrogate import Surrogate
from search.strategy.tail import drawn_in, tail_of

Vector = NDArray[np.float64]
BEST_LOG_LR = -1.0
"""Of a shape whose scale is 1."""


def points(features: Vector, log_lr: Vector) -> Points:
    """The bound has the scale of a shape in its first feature."""
    return Points(features, log_lr, 0.4 * features[:, 1])


def truth(at: Points) -> Vector:
    """A parabola in log lr whose place follows the bound, and a level that the shape decides."""
    value: Vector = 2.0 + 0.2 * at.features[:, 0] + 0.25 * (at.log_lr - BEST_LOG_LR - at.log_scale) ** 2
    return value


def drawn(rng: np.random.Generator, n: int, low: float = -1.6, high: float = -0.4) -> Points:
    return points(rng.uniform(0, 0.5, (n, 4)), rng.uniform(low, high, n))


def data(n: int, noise: float, seed: int = 0, seeds: int = 1) -> list[Observation]:
    rng = np.random.default_rng(seed)
    at = drawn(rng, n)
    shared = 3 * noise * rng.normal(size=seeds)
    numbers = rng.integers(seeds, size=n)
    values = truth(at) + noise * rng.normal(size=n) + shared[numbers] * (seeds > 1)
    return [
        Observation(f, float(u), float(c), float(v), int(s))
        for f, u, c, v, s in zip(*at, values, numbers, strict=True)
    ]


def one_shape(lr_to_value: dict[float, float]) -> list[Observation]:
    return [Observation(np.full(4, 0.25), math.log(lr), 0.0, value, 0) for lr, value in lr_to_value.items()]


def flat_then_cliff(lr: float) -> float:
    """Best at 0.3: hardly worse at a tenth of it, and a wall at half as much again."""
    return 2.0 + 0.01 * math.log(lr / 0.3) ** 2 + (5.0 if lr > 0.45 else 0.0)


def test_the_best_peak_lr_is_that_of_the_truth() -> None:
    response = Surrogate(data(40, 0.004))
    found = response.best_log_lr(np.full(4, 0.25), 0.1)
    assert found == pytest.approx(BEST_LOG_LR + 0.1, abs=0.1)


def test_the_best_peak_lr_lies_between_those_that_were_tried() -> None:
    """The truth is best at higher ones; what nobody tried is not told."""
    rng = np.random.default_rng(0)
    at = drawn(rng, 30, low=-3.0, high=-2.0)
    runs = [
        Observation(f, float(u), float(c), float(v), 0) for f, u, c, v in zip(*at, truth(at), strict=True)
    ]
    response = Surrogate(runs)
    low, high = response.tried_range
    assert (low, high) == (float(at.log_lr.min()), float(at.log_lr.max()))
    assert high - 0.05 < response.best_log_lr(np.full(4, 0.25), 0.1) <= high


@pytest.mark.parametrize(
    "lrs",
    [
        (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),  # one on the cliff, the best one tried
        (0.005, 0.02, 0.07, 0.2, 0.4, 0.6, 2.0),  # close to the cliff on both of its sides
    ],
)
def test_a_flat_side_and_a_cliff_do_not_move_the_best_peak_lr(lrs: tuple[float, ...]) -> None:
    """A parabola through the best three would be pulled far to the flat side."""
    response = Surrogate(one_shape({lr: flat_then_cliff(lr) for lr in lrs}))
    found = math.exp(response.best_log_lr(np.full(4, 0.25), 0.0))
    assert found < 0.45
    assert flat_then_cliff(found) < 2.02, "as good as the best to a hundredth"


def test_errors_are_as_large_as_it_says() -> None:
    scores: list[float] = []
    for seed in range(12):
        response = Surrogate(data(40, 0.01, seed))
        rng = np.random.default_rng(100 + seed)
        at = points(rng.uniform(0.1, 0.4, (20, 4)), rng.uniform(-1.4, -0.6, 20))
        mean, sd = response.predict(at)
        scores += list((mean - truth(at)) / sd)
    assert 0.3 < float(np.std(scores)) < 1.6
    assert np.mean(np.abs(scores) < 2) > 0.85


def test_what_the_seed_does_to_all_is_told_from_the_rest() -> None:
    response = Surrogate(data(80, 0.01, seeds=6))
    assert response.paired_noise_sd == pytest.approx(0.01, rel=0.7)
    assert response.noise_sd > 1.7 * response.paired_noise_sd


def test_a_difference_is_surer_than_its_parts_and_of_the_same_mean() -> None:
    response = Surrogate(data(30, 0.01, seeds=3))
    at = drawn(np.random.default_rng(5), 6)
    base = Points(*(part[:1] for part in at))
    mean, sd = response.predict(at)
    apart, apart_sd = response.differences(at, base)
    np.testing.assert_allclose(apart, mean - mean[0], atol=1e-10)
    assert apart_sd[0] < 1e-4 * apart_sd[1:].min(), "nothing differs from itself"
    assert (apart_sd <= sd + sd[0] + 1e-9).all()


def test_a_believed_run_leaves_what_is_expected_and_makes_it_surer_near_it() -> None:
    response = Surrogate(data(30, 0.01, seeds=3))
    asked = drawn(np.random.default_rng(5), 8)
    run = Observation(asked.features[0], float(asked.log_lr[0]), float(asked.log_scale[0]), math.nan, 1)
    more, _ = response.believing([run])
    mean, sd = response.predict(asked)
    later_mean, later_sd = more.predict(asked)
    np.testing.assert_allclose(later_mean, mean, atol=1e-12)
    assert (later_sd <= sd + 1e-12).all()
    assert (sd - later_sd).argmax() == 0


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_a_posterior_that_is_kept_up_to_date_is_the_models_own(groups: list[int]) -> None:
    """However the runs come that are believed."""
    response = Surrogate(data(20, 0.01, seeds=3), TYPICAL)
    asked = drawn(np.random.default_rng(5), 6)
    kept, rng = Posterior(response, asked), np.random.default_rng(len(groups))
    for size in groups:
        believed = drawn(rng, size)
        rows = zip(*believed, range(size), strict=True)
        response, belief = response.believing([Observation(f, x, s, math.nan, j) for f, x, s, j in rows])
        kept.believe(belief)
    mean, sd = response.predict(asked)
    np.testing.assert_allclose(kept.mean, mean, atol=1e-10)
    np.testing.assert_allclose(kept.sd, sd, rtol=1e-6)


def test_values_far_up_a_cliff_do_not_bend_what_is_known_of_good_ones() -> None:
    """How bad a bad run is says nothing: at 5 or at 80 the good ones are as they were."""
    good = points(np.full((1, 4), 0.25), np.array([BEST_LOG_LR]))
    means = [float(Surrogate(data(30, 0.004)).predict(good)[0][0])]
    for value in (5.0, 80.0):
        bad = Observation(np.full(4, 0.25), 0.5, 0.1, value, 0)
        means.append(float(Surrogate([*data(30, 0.004), bad]).predict(good)[0][0]))
    assert max(means) - min(means) < 0.02


def test_a_loss_that_is_learnt_to_a_ten_thousandth_is_seen_as_finely_as_any_other() -> None:
    """As a mean squared error: 1e-4 at best, 1 where nothing is learnt."""
    lrs = np.geomspace(0.002, 0.03, 6)
    good = {float(lr): 1e-4 * (1.0 + math.log(lr / 0.01) ** 2) for lr in lrs}
    response = Surrogate(one_shape({**good, 0.1: 1.0, 0.2: 1.0, 0.3: 1.0}))
    assert math.exp(response.best_log_lr(np.full(4, 0.25), 0.0)) == pytest.approx(0.01, rel=0.4)


@pytest.mark.parametrize("n", [3, 12, 40])
@pytest.mark.parametrize("where", [0.0, 0.7, -1.1])
def test_the_gradient_of_the_fit_is_that_of_its_loss(n: int, where: float) -> None:
    response = Surrogate(data(n, 0.01, seeds=3), TYPICAL)
    x = np.array(TYPICAL) + where * np.array(SPREAD) * np.array([1, -1, 1, -1, 1, 1, -1, 0.5, -0.5])
    _, gradient = response._loss(x)
    numeric = approx_fprime(x, lambda at: response._loss(at)[0], 1e-6)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-3, atol=1e-3)


def test_the_fitted_scales_are_likelier_than_the_typical_ones() -> None:
    response = Surrogate(data(40, 0.004))
    fitted, typical = (response._loss(np.array(scales))[0] for scales in (response.scales, TYPICAL))
    assert fitted < typical - 1.0


def test_scales_of_an_earlier_fit_are_taken_as_they_are() -> None:
    first = Surrogate(data(20, 0.01))
    again = Surrogate(data(25, 0.01), first.scales)
    assert again.scales == first.scales
    assert Surrogate(data(20, 0.01)).scales == first.scales, "nothing is drawn"


def test_how_far_the_bound_holds_is_learnt() -> None:
    """Shapes whose optima lie where the bound has them, and shapes that all have the same."""

    def rho(follows: float) -> float:
        rng = np.random.default_rng(3)
        features, log_lr = rng.uniform(0, 0.5, (60, 4)), rng.uniform(-2.5, 0.5, 60)
        scales = 3.0 * (features[:, 1] - 0.25)
        values = 2.0 + (log_lr - BEST_LOG_LR - follows * scales) ** 2
        runs = zip(features, log_lr, scales, values, strict=True)
        return Surrogate([Observation(f, float(u), float(c), float(v), 0) for f, u, c, v in runs]).scales.rho

    assert rho(1.0) > 0.8
    assert rho(0.0) < 0.3


@pytest.mark.parametrize("value", [2.0, 0.0, -7.0])
def test_a_single_run_and_runs_that_are_all_alike_can_be_read(value: float) -> None:
    for n in (1, 4):
        response = Surrogate(one_shape({0.1 * (i + 1): value for i in range(n)}))
        mean, sd = response.predict(points(np.full((1, 4), 0.25), np.array([math.log(0.1)])))
        assert mean[0] == pytest.approx(value, abs=1e-6)
        assert math.isfinite(sd[0])


def test_values_are_drawn_in_only_beyond_the_tail_and_in_their_order() -> None:
    above = np.array([0.0, 0.5, 1.0, math.e, 1e6])
    np.testing.assert_allclose(drawn_in(above, 1.0), [0.0, 0.5, 1.0, 2.0, 1.0 + math.log(1e6)])
    assert tail_of(np.array([3.0, 3.0, 3.0])) > 0
    assert tail_of(np.array([1.0, 1.1, 1.3, 2.0, 9.0])) == pytest.approx(0.3)


def test_expected_improvement_grows_with_promise_and_with_doubt() -> None:
    gains = expected_improvement(np.array([0.0, 1.0, 1.0, -1.0]), np.array([1.0, 1.0, 2.0, 1e-9]))
    assert gains[0] == pytest.approx(0.39894, abs=1e-5)
    assert gains[1] < gains[0]
    assert gains[2] > gains[1]
    assert gains[3] == pytest.approx(1.0)


def test_the_scales_have_a_typical_value_and_a_spread_each() -> None:
    assert len(TYPICAL) == len(SPREAD) == len(Scales._fields)
