"""How fast a study trains and how long its search still takes, from the times and reports of its trials.

Counted is what was trained in the time in which something trained: the night between two launches is no
part of it. Work is counted in steps, since a trial of the sweep of the peak lr takes a ninth of a full one.
A trial in training counts with the steps that it has reported, so that a study of long trainings knows its
pace before the first of them ends.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from search.runs.trial import Trial
from search.runs.trial_attributes import HORIZON_STEPS
from search.spec.budget import Budget, counts, reported_steps, steps_of, steps_so_far, whole_steps
from search.spec.training_spans import Moment

RECENT = 40
"""Trials that ended, over which the pace is taken."""
LEAST_ENDS = 3
"""Least number of ended trials for a rate."""
_SHORTEST_GAP_SECONDS, _LONGEST_GAP_SECONDS = 2.0, 60.0
"""Bounds of a gap between trials, a tenth of a trial's time, that counts as no pause."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A trial in training: what it has reported last."""

    number: int
    step: int
    """0 before its first report."""
    total_steps: int
    value: float | None
    """Of the objective; None before its first report."""
    again: bool = False
    """Whether it was taken up again, and step and value are of its last report before that."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """Over the last trials."""

    trials_per_second: float | None
    """None before a few have ended."""
    runs_per_second: float
    """Full trainings' worth of steps."""


def in_training(trials: Sequence[Trial], total_steps: int) -> list[Training]:
    """The trials that train now, `total_steps` being the study's horizon."""
    return [_training(trial, total_steps) for trial in trials if trial.state.name == "RUNNING"]


def _training(trial: Trial, total_steps: int) -> Training:
    step = steps_so_far(trial)
    before = 0 if step else reported_steps(trial)
    return Training(
        number=trial.number,
        step=step or before,
        total_steps=whole_steps(trial, total_steps),
        value=trial.intermediate_values.get(step or before),
        again=before > 0,
    )


def pace(trials: Sequence[Trial], total_steps: int, now: datetime.datetime) -> Pace | None:
    """How fast the study trains, or trained last; None where nothing has been trained that would tell.

    Args:
        trials: all of the study.
        total_steps: its horizon.
        now: local time without a zone, as Optuna notes it.
    """
    ends = sorted(t.datetime_complete for t in trials if t.datetime_complete is not None)
    begin = ends[-RECENT - 1] if len(ends) > RECENT else datetime.datetime.min
    until = ends[-1] if ends else now  # between two ends nothing is heard of what trains, or little
    ended = [t for t in trials if t.datetime_complete is not None and t.datetime_complete > begin]
    steps = sum(steps_of(trial, total_steps) for trial in ended)
    if begin == datetime.datetime.min:  # later, what was half done at the beginning makes up for it
        beside = [t for t in trials if t.datetime_start is not None and t.datetime_start < until]
        steps += sum(steps_so_far(trial) for trial in beside)
    seconds = _worked_seconds(trials, begin, until)
    if not steps or seconds <= 0:
        return None
    counted = len(ended) / seconds if len(ends) >= LEAST_ENDS else None
    return Pace(trials_per_second=counted, runs_per_second=steps / total_steps / seconds)


def seconds_left(limit: Budget, trials: Sequence[Trial], total_steps: int, now: Moment) -> float | None:
    """How long the search goes on at its pace where nothing ends it early; None where that is not known.

    Args: as of `pace`; `limit` is the study's, and `now` by the clock of its database.
    """
    if limit.is_over(trials, now):
        return 0.0
    if limit.budget_seconds is not None and limit.plateau is None:
        return limit.seconds_left(trials, now)
    found = pace(trials, total_steps, now.local)
    return None if found is None else _runs_left(limit, trials, total_steps) / found.runs_per_second


def _runs_left(limit: Budget, trials: Sequence[Trial], total_steps: int) -> float:
    """Full trainings' worth of steps that the limit has room for, what is half done counted as that."""
    open_ones = [trial for trial in trials if not trial.state.is_finished()]
    steps = sum(max(0, whole_steps(trial, total_steps) - steps_so_far(trial)) for trial in open_ones)
    if limit.plateau is not None:
        return steps / total_steps
    if limit.n_runs is not None:
        return steps / total_steps + max(0.0, limit.n_runs - limit.runs_used(trials))
    assert limit.n_trials is not None, "a study has one limit"
    to_begin = max(0, limit.n_trials - sum(map(counts, trials)))
    return steps / total_steps + to_begin * _runs_per_trial(trials, total_steps)


def _runs_per_trial(trials: Sequence[Trial], total_steps: int) -> float:
    """What a trial to the study's horizon costs in the mean, those that were stopped early among them."""
    full = [
        trial
        for trial in trials
        if trial.state.is_finished() and trial.user_attrs.get(HORIZON_STEPS, total_steps) == total_steps
    ]
    return fmean(steps_of(trial, total_steps) for trial in full[-RECENT:]) / total_steps if full else 1.0


def _worked_seconds(trials: Sequence[Trial], begin: datetime.datetime, until: datetime.datetime) -> float:
    """Of the time between the two, that in which trials trained, and the moments between them."""
    spans = sorted(
        (trial.datetime_start, min(trial.datetime_complete or until, until))
        for trial in trials
        if trial.datetime_start is not None and trial.state.name != "WAITING"
    )
    spans = [(start, end) for start, end in spans if end > begin and start < until]
    if not spans:
        return 0.0
    typical = median((end - start).total_seconds() for start, end in spans)
    longest_gap = min(max(_SHORTEST_GAP_SECONDS, typical / 10), _LONGEST_GAP_SECONDS)
    seconds, covered_until = 0.0, begin
    for start, end in spans:
        is_pause = (start - covered_until).total_seconds() > longest_gap
        seconds += max(0.0, (end - (start if is_pause else covered_until)).total_seconds())
        covered_until = max(covered_until, end)
    return seconds
