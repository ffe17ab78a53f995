"""From a measured pace to what a study costs; arithmetic alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from search.spec.budget import Budget


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast one worker trains while all its slots are busy."""

    slots: int
    """Runs at once in one worker."""
    seconds_per_run: float
    """Of one run, from its start to its end."""

    @property
    def runs_per_second(self) -> float:
        return self.slots / self.seconds_per_run


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a study will take. Seconds are wall time."""

    n_trials: int
    """How many trials to the full horizon it has, or how many its time affords."""
    search_seconds: float
    confirmation_seconds: float
    """At most: fewer leaders take less."""

    @property
    def total_seconds(self) -> float:
        return self.search_seconds + self.confirmation_seconds


def estimate(limit: Budget, pace: Pace, *, workers: int, confirmation_runs: int) -> Estimate:
    """What a study costs where every worker keeps the pace.

    One worker confirms the best, once all trials are told.

    Args:
        limit: a number of trials, or a time.
        pace: of one worker.
        workers: processes, >= 1.
        confirmation_runs: trainings on fresh seeds after the search.

    >>> one_by_one = Pace(slots=1, seconds_per_run=600.0)
    >>> estimate(Budget(n_trials=25), one_by_one, workers=2, confirmation_runs=15).search_seconds
    7800.0
    >>> estimate(Budget(budget_seconds=8 * 3600), one_by_one, workers=2, confirmation_runs=15).n_trials
    96
    """
    n_trials = limit.most_full_runs
    if n_trials is not None:
        search_seconds = _seconds(n_trials, pace, workers)
    else:
        assert limit.budget_seconds is not None
        search_seconds = limit.budget_seconds
        n_trials = _affordable(search_seconds, pace, workers)
    return Estimate(
        n_trials=n_trials,
        search_seconds=search_seconds,
        confirmation_seconds=_seconds(confirmation_runs, pace, 1),
    )


def _seconds(n_runs: int, pace: Pace, workers: int) -> float:
    """Runs that share a process end one by one and make room; those that don't come in rounds."""
    if pace.slots == 1:
        return math.ceil(n_runs / workers) * pace.seconds_per_run
    return n_runs / (workers * pace.runs_per_second)


def _affordable(seconds: float, pace: Pace, workers: int) -> int:
    """Trials that start within a time, each of which also ends."""
    return math.ceil(round(seconds * workers * pace.runs_per_second, 6))
