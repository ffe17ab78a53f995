"""Which horizons are trained, and finding the best peak lr at each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import RunError, UsageError
from search.training.batch import RunResult
from search.transfer.horizons import SPAN, checked_horizons, default_horizons
from search.transfer.lr_sweeps import SEEDS, Sweep, Wanted, best_lrs
from warmboot.schedule import WarmbootSchedule

LINEAR = WarmbootSchedule(curve="linear")


@given(st.integers(2, 10**6), st.integers(2, 100))
def test_default_horizons_have_room_and_span_enough(total: int, least: int) -> None:
    shortest, middle, longest = default_horizons(total, least)
    assert shortest >= least
    assert longest >= max(total, SPAN * shortest)
    assert shortest < middle < longest


@pytest.mark.parametrize(
    ("horizons", "message"),
    [
        ((100, 900), r"got 2 different; a trend needs 3"),
        ((100, 300, 899), r"100 to 899 spans less than a factor of 9"),
        ((20, 100, 900), r"20: this study's schedules need 40 steps or more"),
    ],
)
def test_horizons_that_can_not_be_used(horizons: Sequence[int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        checked_horizons(horizons, 40)


class Trainer:
    """A parabola in log lr with its best at `2 steps^-0.5`; diverges at four times that."""

    def __init__(self, *, flat: bool = False) -> None:
        self.flat = flat
        self.wanted: list[Wanted] = []

    def __call__(self, wanted: Sequence[Wanted]) -> list[RunResult]:
        self.wanted += wanted
        return [self.reached(*each) for each in wanted]

    def reached(self, schedule: WarmbootSchedule, steps: int, seed: int) -> RunResult:
        assert schedule.lr is not None
        away = math.log(schedule.lr / best(steps))
        noise = 0.0 if self.flat else 0.003 * float(np.random.default_rng([steps, seed]).normal())
        value = 2.0 if self.flat else 2.0 + 0.3 * away**2 + noise
        return RunResult(value, diverged=away > math.log(4))


def best(steps: int) -> float:
    return float(2.0 * steps**-0.5)


@pytest.mark.parametrize("wrong_by", [1.0, 0.2, 3.9, 8.0])
def test_every_best_lr_is_found_from_a_wrong_start(wrong_by: float) -> None:
    trainer = Trainer()
    sweeps = [Sweep(LINEAR, steps, best(steps) * wrong_by) for steps in (100, 300, 900)]
    curves = best_lrs(sweeps, trainer, "minimize")
    assert [curve.lr for curve in curves] == pytest.approx([best(s) for s in (100, 300, 900)], rel=0.05)


def test_a_good_start_takes_one_round() -> None:
    trainer = Trainer()
    best_lrs([Sweep(LINEAR, 300, best(300))], trainer, "minimize")
    assert len(trainer.wanted) == 5 * SEEDS


def test_a_loss_without_a_minimum_is_refused() -> None:
    with pytest.raises(RunError, match=r"linear to 0 at 300 steps has no best peak lr between"):
        best_lrs([Sweep(LINEAR, 300, 0.1)], Trainer(flat=True), "minimize")
