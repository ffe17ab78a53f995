"""Tuning the standards: what is tried, with how many runs, and that the best is found."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.contest.tuning import Tuning, grid_size, tune
from search.strategy.peak_lr import peak_lr_scale
from warmboot.schedule import WarmbootSchedule
from warmboot.standards import standards

STEPS = 300
LINEAR = peak_lr_scale(WarmbootSchedule(curve="linear").factors(STEPS))
WORTH = {"cosine": 2.00, "linear": 2.03, "rex": 2.05, "constant": 2.4}


class Trainer:
    """A parabola in log lr around where the bound puts each shape, and seeded noise."""

    def __init__(self, *, noise: float = 0.0, sign: float = 1.0, lr: float = 0.3) -> None:
        self.noise, self.sign, self.lr = noise, sign, lr
        self.wanted: list[tuple[WarmbootSchedule, int]] = []

    def __call__(self, wanted: Sequence[tuple[WarmbootSchedule, int]]) -> list[float]:
        self.wanted += wanted
        return [self.sign * self.value(schedule, seed) for schedule, seed in wanted]

    def value(self, schedule: WarmbootSchedule, seed: int) -> float:
        name = next(n for n, shape in standards().items() if shape == schedule.replace(lr=None))
        best = self.lr * peak_lr_scale(schedule.factors(STEPS)) / LINEAR
        assert schedule.lr is not None
        luck = np.random.default_rng([seed, len(name)]).normal() * self.noise
        return WORTH[name] + 0.2 * math.log(schedule.lr / best) ** 2 + float(luck)


def tuned(trainer: Trainer, *, n_runs: int = 110, linear_lr: float = 0.3, maximize: bool = False) -> Tuning:
    shapes = {name: standards()[name] for name in ("linear", "cosine", "rex", "constant")}
    return tune(
        shapes,
        trainer,
        linear_lr=linear_lr,
        total_steps=STEPS,
        n_runs=n_runs,
        direction="maximize" if maximize else "minimize",
    )


def test_the_strongest_is_found_and_its_spread_known() -> None:
    trainer = Trainer(noise=0.005)
    found = tuned(trainer)
    assert found.strongest.name == "cosine"
    assert len(found.strongest.values) == 10
    assert found.n_runs == len(trainer.wanted) <= 117
    assert [each.name for each in found.standards][:3] == ["cosine", "linear", "rex"]


def test_a_standard_is_tuned_although_the_first_guess_is_off() -> None:
    found = tuned(Trainer(lr=0.3), linear_lr=0.2)
    best = 0.3 * peak_lr_scale(standards()["cosine"].factors(STEPS)) / LINEAR
    assert found.strongest.schedule.lr == pytest.approx(best, rel=0.2)


def test_maximising_finds_the_same() -> None:
    assert tuned(Trainer(sign=-1.0), maximize=True).strongest.name == "cosine"


@given(n_runs=st.integers(4, 200))
def test_no_more_runs_are_used_than_the_search_had(n_runs: int) -> None:
    trainer = Trainer(noise=0.01)
    found = tuned(trainer, n_runs=n_runs)
    assert found.n_runs <= n_runs + 9
    assert len(found.strongest.values) == 10, "the margin is made of its spread"
    assert len(set(trainer.wanted)) == len(trainer.wanted), "nothing is trained twice"


@given(n_shapes=st.integers(1, 12), n_runs=st.integers(4, 500))
def test_half_of_the_runs_go_to_the_first_grid(n_shapes: int, n_runs: int) -> None:
    shapes, lrs = grid_size(n_shapes, n_runs)
    assert 1 <= shapes <= n_shapes
    assert shapes * lrs <= max(3, n_runs // 2)


def test_a_fixed_lr_stays_fixed() -> None:
    trainer = Trainer()
    shapes = {name: standards()[name] for name in ("linear", "cosine")}
    found = tune(
        shapes, trainer, linear_lr=0.3, lr_is_fixed=True, total_steps=STEPS, n_runs=50, direction="minimize"
    )
    assert {schedule.lr for schedule, _ in trainer.wanted} == {0.3}
    assert len(found.strongest.values) == 10
