"""What a study costs at a measured pace."""

from __future__ import annotations

import pytest

from search.plan.estimate import Pace, estimate
from search.spec.budget import Budget

TOGETHER = Pace(slots=8, seconds_per_run=4.0)  # two runs a second
ALONE = Pace(slots=1, seconds_per_run=600.0)


@pytest.mark.parametrize(
    ("pace", "n_trials", "workers", "seconds"),
    [
        (TOGETHER, 200, 1, 100),
        (TOGETHER, 200, 2, 50),
        (ALONE, 1, 1, 600),
        (ALONE, 24, 2, 7200),
        (ALONE, 25, 2, 7800),  # the last one alone
        (ALONE, 1, 8, 600),  # nobody helps with one run
    ],
)
def test_trials_take_their_time(pace: Pace, n_trials: int, workers: int, seconds: float) -> None:
    cost = estimate(Budget(n_trials=n_trials), pace, workers=workers, confirmation_runs=15)
    assert (cost.n_trials, cost.search_seconds) == (n_trials, seconds)


@pytest.mark.parametrize(
    ("pace", "budget", "workers", "n_trials"),
    [
        (ALONE, 8 * 3600, 1, 48),
        (ALONE, 8 * 3600, 2, 96),
        (ALONE, 601, 1, 2),  # what starts in time also ends
        (ALONE, 1, 1, 1),
        (TOGETHER, 60, 2, 240),
    ],
)
def test_a_time_affords_trials(pace: Pace, budget: float, workers: int, n_trials: int) -> None:
    cost = estimate(Budget(budget_seconds=budget), pace, workers=workers, confirmation_runs=15)
    assert (cost.n_trials, cost.search_seconds) == (n_trials, budget)


def test_one_worker_confirms() -> None:
    cost = estimate(Budget(n_trials=10), ALONE, workers=5, confirmation_runs=15)
    assert cost.confirmation_seconds == 9000
    assert cost.total_seconds == 10_200
