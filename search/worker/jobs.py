"""What a worker has out for training: the runs of trials, and the runs that confirm a study.

A job knows the run it needs and what to do with the measurements that come back. Jobs live in the storage
thread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import optuna

from search import seeds
from search.confirmation import Confirmation
from search.judging import Judgement, judge
from search.population.run import Measurement
from search.results import Contender, schedule_key
from search.storage.trial_queue import TrialQueue
from search.study_spec import StudySpec
from search.trial_limit import HORIZON
from search.worker.runs import AnyRun, make_run

REPORTS_PER_RUN = 5


class Job(Protocol):
    """One run that is out for training."""

    @property
    def run(self) -> AnyRun: ...

    def began(self, untrained: Mapping[str, float]) -> None:
        """The run was admitted; `untrained` are the metrics of its network before the first step."""

    def measured(self, measurement: Measurement) -> None:
        """The run was measured; the last measurement ends the job."""

    def failed(self, reason: str) -> None:
        """The run raised; there will be no measurement."""

    def withdrawn(self) -> None:
        """The run was ended early, as asked; there will be no more measurements."""

    def hand_back(self) -> None:
        """The worker ends before the run does."""


def report_steps(total_steps: int) -> tuple[int, ...]:
    """The steps at which a run is measured: the end, and equal parts before it.

    >>> report_steps(600)
    (120, 240, 360, 480, 600)
    """
    parts = range(1, REPORTS_PER_RUN + 1)
    return tuple(sorted({max(1, total_steps * part // REPORTS_PER_RUN) for part in parts}))


@dataclass
class TrialJob:
    """A trial: one schedule trained with one seed.

    A trial of the sweep of the peak lr trains a shorter horizon than the study's; what it reached is no
    result of the study, so it ends as PRUNED with its last report.
    """

    queue: TrialQueue
    spec: StudySpec
    trial: optuna.Trial
    run: AnyRun
    seed_index: int
    value: float | None = None
    _untrained: float = math.nan
    _reported: set[int] = field(default_factory=set)
    _curve: dict[str, list[float]] = field(default_factory=dict)

    def began(self, untrained: Mapping[str, float]) -> None:
        # a script may not have told it
        self._untrained = untrained.get(self.spec.objective, math.nan)
        stored = self.queue.stored(self.trial.number)
        self._reported = set(stored.intermediate_values)

    def measured(self, measurement: Measurement) -> None:
        if measurement.metrics and measurement.step not in self._curve.get("step", ()):
            self._curve.setdefault("step", []).append(measurement.step)
            for name, value in measurement.metrics.items():
                self._curve.setdefault(name, []).append(value)
        judgement = _judge(measurement, self.spec, self._untrained)
        if measurement.step not in self._reported:
            self._reported.add(measurement.step)
            self.queue.report(self.trial, measurement.step, judgement.value)
        if measurement.last:
            self.value = judgement.value
            self._tell(judgement)

    def failed(self, reason: str) -> None:
        self.queue.fail(self.trial.number, reason)

    def withdrawn(self) -> None:
        self.queue.prune(self.trial.number, {"runs": [{"seed": self.seed_index, **self._curve}]})

    def hand_back(self) -> None:
        self.queue.hand_back(self.trial.number)

    def _tell(self, judgement: Judgement) -> None:
        if self.run.total_steps < self.spec.horizon_steps:
            self.queue.prune(self.trial.number, self._attributes(judgement))
        else:
            self.queue.complete(self.trial, judgement.value, self._attributes(judgement))

    def _attributes(self, judgement: Judgement) -> dict[str, Any]:
        attributes: dict[str, Any] = {"runs": [{"seed": self.seed_index, **self._curve}]}
        if judgement.divergence is not None:
            attributes["diverged"] = judgement.divergence
        return attributes


@dataclass
class ConfirmationJob:
    """One leader on one fresh seed."""

    confirmation: Confirmation
    spec: StudySpec
    contender: Contender
    run: AnyRun
    seed_index: int
    _untrained: float = math.nan

    def began(self, untrained: Mapping[str, float]) -> None:
        # a script may not have told it
        self._untrained = untrained.get(self.spec.objective, math.nan)

    def measured(self, measurement: Measurement) -> None:
        if measurement.last:
            value = _judge(measurement, self.spec, self._untrained).value
            self.confirmation.add(self.contender.key, self.seed_index, value)

    def failed(self, reason: str) -> None:
        raise RuntimeError(f"confirming {self.contender.describe()} failed:\n{reason}")

    def withdrawn(self) -> None:
        raise AssertionError("a confirmation is always trained to its end")

    def hand_back(self) -> None:
        """Nothing is kept of an unfinished confirmation; whoever takes it over trains it again."""


def trial_job(queue: TrialQueue, spec: StudySpec, trial: optuna.Trial) -> TrialJob:
    """Sample the trial's schedule and other parameters, note the schedule in words, and make its run."""
    schedule = spec.parsed_space.sample(trial)
    params = spec.parsed_params.sample(trial)
    total_steps = int(trial.user_attrs.get(HORIZON, spec.horizon_steps))
    table = schedule.lr_table(total_steps)
    seed_index = queue.claim_seed(trial, schedule_key(table, params))
    if "schedule" not in trial.user_attrs:
        trial.set_user_attr("schedule", schedule.describe())
    run = make_run(
        spec,
        key=("trial", trial.number),
        schedule=schedule,
        params=params,
        seed=seeds.run_seed(spec.seed, seed_index),
        total_steps=total_steps,
        report_steps=report_steps(total_steps),
        trial=trial.number,
    )
    return TrialJob(queue, spec, trial, run, seed_index)


def confirmation_jobs(confirmation: Confirmation, spec: StudySpec) -> list[ConfirmationJob]:
    """The runs that are still missing from a confirmation."""
    return [
        ConfirmationJob(confirmation, spec, contender, _confirmation_run(contender, spec, j), j)
        for contender, j in confirmation.missing
    ]


def _confirmation_run(contender: Contender, spec: StudySpec, j: int) -> AnyRun:
    return make_run(
        spec,
        key=("confirmation", contender.key, j),
        schedule=contender.schedule,
        params=contender.params,
        seed=seeds.confirmation_seed(spec.seed, j),
        total_steps=spec.horizon_steps,
        report_steps=(spec.horizon_steps,),
        trial=contender.trial_numbers[0],
    )


def _judge(measurement: Measurement, spec: StudySpec, untrained: float) -> Judgement:
    return judge(
        measurement.metrics.get(spec.objective, math.nan),  # a diverged run has no metrics
        untrained_value=untrained,
        direction=spec.direction,
        diverged_at_step=measurement.diverged_at_step,
    )
