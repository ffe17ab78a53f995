"""How many trials a study may start: a number of them, or as long as its time lasts.

**What a budget of time counts.** The wall time in which the study trained: the union of the spans from start
to end of its trials, whoever trained them. So several workers share one budget, a minute in which ten of
them train is one minute, and the night between two launches costs nothing. While a trial may start it may
also end: the last ones run over the budget by up to one run each, and confirming the best comes on top.

Spans are read from the trials' own times, which are those of the machines that trained them: their clocks
should agree.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from search.durations import duration_text

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_NO_TIME = datetime.timedelta()


@dataclass(frozen=True, kw_only=True)
class TrialLimit:
    """Exactly one of the two is given."""

    n_trials: int | None = None
    budget_seconds: float | None = None

    def __post_init__(self) -> None:
        assert (self.n_trials is None) != (self.budget_seconds is None), "a study has one limit"

    @classmethod
    def from_control(cls, control: Mapping[str, Any]) -> TrialLimit:
        """Read back what `to_control` gave; other entries of the mapping are left aside."""
        return cls(n_trials=control.get("n_trials"), budget_seconds=control.get("budget_seconds"))

    def to_control(self) -> dict[str, Any]:
        """Plain data for the database."""
        return {"n_trials": self.n_trials, "budget_seconds": self.budget_seconds}

    def may_start(self, trials: Sequence[FrozenTrial], now: datetime.datetime) -> bool:
        """Whether one more trial may begin.

        Args:
            trials: all trials of the study, of whatever state.
            now: local time without a zone, as Optuna notes it.
        """
        if self.n_trials is not None:
            return len(trials) < self.n_trials
        return self.seconds_left(trials, now) > 0

    def seconds_left(self, trials: Sequence[FrozenTrial], now: datetime.datetime) -> float:
        """Of a budget of time: what is left of it, 0 at least; infinite where trials are counted."""
        if self.budget_seconds is None:
            return float("inf")
        return max(0.0, self.budget_seconds - trained_seconds(trials, now))

    def share_done(self, trials: Sequence[FrozenTrial], now: datetime.datetime) -> float:
        """How much of the limit is used up, in [0, 1]."""
        if self.budget_seconds is not None:
            return min(1.0, trained_seconds(trials, now) / self.budget_seconds)
        assert self.n_trials is not None
        return min(1.0, sum(trial.state.is_finished() for trial in trials) / self.n_trials)

    def describe(self) -> str:
        """
        >>> TrialLimit(n_trials=200).describe(), TrialLimit(budget_seconds=5400).describe()
        ('200 trials', '1 h 30 min of training')
        """
        if self.budget_seconds is not None:
            return f"{duration_text(self.budget_seconds)} of training"
        return f"{self.n_trials} trial{'s' if self.n_trials != 1 else ''}"


def trained_seconds(trials: Iterable[FrozenTrial], now: datetime.datetime) -> float:
    """Wall time in which at least one trial was in training; running ones count up to `now`.

    A trial that was handed back and waits counts for nothing; once it is taken up again, from then on.
    """
    spans = [
        (trial.datetime_start, trial.datetime_complete or now)
        for trial in trials
        if trial.datetime_start is not None and trial.state.name != "WAITING"
    ]
    return _union(spans).total_seconds()


def _union(spans: list[tuple[datetime.datetime, datetime.datetime]]) -> datetime.timedelta:
    total, covered_until = _NO_TIME, datetime.datetime.min
    for start, end in sorted(spans):
        total += max(_NO_TIME, end - max(start, covered_until))
        covered_until = max(covered_until, end)
    return total
