"""From a trial to the job that trains it: its schedule, its seed, its trainings and what may stop it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna

from search.early_stopping.round_pruner import RoundPruner
from search.early_stopping.stoppers import (
    AveragedStopper,
    NeverStops,
    PrunerStopper,
    SqueezedStopper,
    Stopper,
)
from search.runs import seeds
from search.runs.schedule_key import schedule_key
from search.runs.schedule_words import described
from search.runs.trial_attributes import HORIZON_STEPS, KNOWN_BELOW, PURPOSE, SCHEDULE, SHAPE, STEPS_IN_ALL
from search.spec.early_stopping import OWN
from search.spec.rungs import halfway
from search.spec.study import StudySpec
from search.storage.planned_trial import RunningTrial, keep, kept_on
from search.storage.trial_queue import TrialQueue
from search.strategy.lr_sweep import lr_at_horizon
from search.training.runs import AnyRun, make_run
from search.worker.jobs import TrialJob
from warmboot.schedule import WarmbootSchedule

REPORTS_PER_RUN = 5


@dataclass(frozen=True)
class _Training:
    """What all trainings of one trial share."""

    spec: StudySpec
    number: int
    schedule: WarmbootSchedule
    params: Mapping[str, Any]
    seed_index: int
    averages: bool

    def run(self, total_steps: int, horizon_steps: int) -> AnyRun:
        """One training; one that is shorter than the trial's horizon has the lr that suits it."""
        assert self.schedule.lr is not None, "a trial's schedule has an lr"
        lr = lr_at_horizon(self.schedule.lr, horizon_steps, total_steps)
        steps = report_steps(total_steps) if total_steps == horizon_steps else (total_steps,)
        middle = halfway(steps) if self.averages else None
        return make_run(
            self.spec,
            key=trial_key(self.number),
            schedule=self.schedule.replace(lr=lr),
            params=self.params,
            seed=seeds.run_seed(self.spec.seed, self.seed_index),
            total_steps=total_steps,
            report_steps=steps,
            trial=self.number,
            averaged_steps=() if middle is None else (middle,),
        )


def trial_key(number: int) -> tuple[str, int]:
    """The key of a trial's runs, one after another."""
    return ("trial", number)


def report_steps(total_steps: int) -> tuple[int, ...]:
    """The steps at which a run is measured: the end, and equal parts before it.

    >>> report_steps(600)
    (120, 240, 360, 480, 600)
    """
    parts = range(1, REPORTS_PER_RUN + 1)
    return tuple(sorted({max(1, total_steps * part // REPORTS_PER_RUN) for part in parts}))


def trial_job(queue: TrialQueue, spec: StudySpec, trial: RunningTrial) -> TrialJob:
    """Sample the trial's schedule and other parameters, note the schedule in words, and make its runs."""
    schedule = spec.parsed_space.sample(trial)
    params = spec.parsed_params.sample(trial)
    horizon = int(trial.user_attrs.get(HORIZON_STEPS, spec.horizon_steps))
    seed_index = queue.claim_seed(trial, schedule_key(schedule.lr_table(horizon), params))
    if SCHEDULE not in trial.user_attrs:
        for key, value in described(schedule, horizon).items():
            keep(trial, key, value)
    judged = _is_judged(spec, trial)
    rungs = spec.rung_horizons if judged else ()
    averages = judged and spec.early_stopping.name == "averaged"
    training = _Training(spec, trial.number, schedule, params, seed_index, averages)
    before, rungs = _rungs_left(queue, trial, rungs, horizon)
    runs = [training.run(steps, horizon) for steps in (*rungs, horizon)]
    stopper, marks = _stopper(spec, trial) if judged else (NeverStops(), {})
    return TrialJob(
        queue, spec, trial, runs[0], seed_index, stopper, marks, to_follow=runs[1:], steps_before=before
    )


def _is_judged(spec: StudySpec, trial: RunningTrial) -> bool:
    """A sweep is short anyway; the peak lr and another seed are asked for to know how they end."""
    return spec.early_stopping.name != "none" and trial.user_attrs.get(PURPOSE, SHAPE) == SHAPE


def _stopper(spec: StudySpec, trial: RunningTrial) -> tuple[Stopper, Mapping[str, Any]]:
    """What may stop the trial, and where a pruner keeps what it notes on it."""
    name = spec.early_stopping.name
    if name == "squeezed":
        return SqueezedStopper(spec.direction), {}
    if name == "averaged":
        return AveragedStopper(spec.direction, spec.objective), {}
    assert name not in OWN, name
    if kept_on(trial, KNOWN_BELOW) is not None:
        pruner = RoundPruner(spec, trial.number)
        return PrunerStopper(name, pruner), pruner.marks
    running = trial
    assert isinstance(running, optuna.Trial), "a pruner that judges by what is in reads the trial's reports"
    return PrunerStopper(name, lambda _look, _known: running.should_prune()), {}


def _rungs_left(
    queue: TrialQueue, trial: RunningTrial, rungs: tuple[int, ...], horizon: int
) -> tuple[int, tuple[int, ...]]:
    """Steps of the shorter trainings that a trial has behind it, taken up again, and those to come."""
    if not rungs:
        return 0, ()
    if kept_on(trial, STEPS_IN_ALL) is None:
        keep(trial, STEPS_IN_ALL, sum(rungs) + horizon)
    trained = max(queue.stored(trial.number).intermediate_values, default=0)
    before = 0
    while rungs and before + rungs[0] <= trained:
        before, rungs = before + rungs[0], rungs[1:]
    return before, rungs
