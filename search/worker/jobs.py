"""What a worker has out for training: the runs of trials, and the runs that confirm a study.

A job knows the run it needs and what to do with the measurements that come back. Jobs live in the storage
thread.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial

from search.early_stopping.rung_rule import Decision
from search.early_stopping.stoppers import Look, NeverStops, Stopper
from search.errors import RunError
from search.results.candidate import Candidate
from search.results.confirmation import Confirmation
from search.runs import seeds
from search.runs.events import Cancel
from search.runs.run import Measurement
from search.runs.scoring import Score, score_run
from search.runs.trial_attributes import (
    AVERAGED_AT_HALFWAY,
    DIVERGED,
    EXPECTED_VALUE,
    FAILURE,
    HELD,
    KNOWN_BELOW,
    REMARK,
    RUNS,
    STOPPED,
)
from search.spec.study import StudySpec
from search.storage.planned_trial import RunningTrial, keep, kept_on
from search.storage.trial_queue import TrialQueue
from search.training.runs import AnyRun, make_run


class Job(Protocol):
    """One run that is out for training."""

    @property
    def run(self) -> AnyRun: ...

    @property
    def result(self) -> tuple[int, float] | None:
        """Number and value of the trial whose last run it is, once that has ended well at its horizon."""

    def began(self, untrained: Mapping[str, float]) -> None:
        """The run was admitted; `untrained` are the metrics of its network before the first step."""

    def measured(self, measurement: Measurement) -> AnyRun | Cancel | None:
        """The run was measured. What the training thread is to be told: the run that takes its place, that
        it is to end, or nothing; where nothing follows the last measurement, the job is done."""

    def remarked(self, text: str) -> None:
        """A person should know this of the training."""

    def failed(self, reason: str) -> None:
        """The run raised; there will be no measurement."""

    def cancelled(self) -> None:
        """The run was ended early, as asked; there will be no more measurements."""

    def hand_back(self) -> None:
        """The worker ends before the run does."""


@dataclass
class TrialJob:
    """A trial: one schedule trained with one seed.

    A trial of the sweep of the peak lr trains a shorter horizon than the study's; what it reached is no
    result of the study, so it ends as PRUNED with its last report. So does one that was stopped early.
    """

    queue: TrialQueue
    spec: StudySpec
    trial: RunningTrial
    run: AnyRun
    seed_index: int
    stopper: Stopper = field(default_factory=NeverStops)
    marks: Mapping[str, Any] = field(default_factory=dict)
    """System attributes that the stopper gives the trial; told with its end."""
    to_follow: list[AnyRun] = field(default_factory=list)
    """Trainings of this trial after `run`; the last one is to its horizon."""
    steps_before: int = 0
    """Steps of its trainings before `run`."""
    _untrained: float = math.nan
    _reported: set[int] = field(default_factory=set)
    _remarks: list[str] = field(default_factory=list)
    _curve: dict[str, list[float]] = field(default_factory=dict)
    _averaged: float | None = None
    _stopping: Decision | None = None
    _frozen: list[FrozenTrial] | None = None
    _value: float | None = None

    @property
    def result(self) -> tuple[int, float] | None:
        return None if self._value is None else (self.trial.number, self._value)

    def began(self, untrained: Mapping[str, float]) -> None:
        # a script may not have told it
        self._untrained = untrained.get(self.spec.objective, math.nan)
        stored = self.queue.stored(self.trial.number)
        self._reported = set(stored.intermediate_values)

    def measured(self, measurement: Measurement) -> AnyRun | Cancel | None:
        if self._stopping is not None and self._known_below is not None:
            # How far it comes before it hears of it hangs on the moment, and the study must not.
            if measurement.last:
                self._stop()
            return None
        self._note(measurement)
        score = _score(measurement, self.spec, self._untrained)
        step = self.steps_before + measurement.step
        if step not in self._reported:
            self._reported.add(step)
            self.queue.report(self.trial, step, score.value)
        if measurement.last and not self.to_follow:
            self._tell(score)
            return None
        if self._stopping is not None:  # asked to end already
            return None
        decision = self.stopper(self._look(measurement, score), self._known)
        if decision is not None and decision.stop:
            self._stopping = decision
            return self._end(measurement)
        return self._next_training() if measurement.last else None

    def remarked(self, text: str) -> None:
        self._remarks.append(text)
        with contextlib.suppress(UpdateFinishedTrialError):  # finished elsewhere
            keep(self.trial, REMARK, "\n".join(self._remarks))

    def failed(self, reason: str) -> None:
        self.queue.fail(self.trial.number, reason)

    def cancelled(self) -> None:
        self._stop()

    def hold(self, reason: str) -> None:
        """The run has failed; whether the trial has, another training tells."""
        with contextlib.suppress(UpdateFinishedTrialError):  # finished elsewhere
            keep(self.trial, FAILURE, reason)
            keep(self.trial, HELD, True)

    def hand_back(self, reason: str | None = None) -> None:
        self.queue.hand_back(self.trial.number, reason)

    @property
    def has_trained(self) -> bool:
        """Whether anything was reported past its first step."""
        return bool(self._reported)

    def _note(self, measurement: Measurement) -> None:
        if measurement.metrics and measurement.step not in self._curve.get("step", ()):
            self._curve.setdefault("step", []).append(measurement.step)
            for name, value in measurement.metrics.items():
                self._curve.setdefault(name, []).append(value)
        self._averaged = measurement.metrics.get(f"averaged_{self.spec.objective}", self._averaged)

    @functools.cached_property
    def _known_below(self) -> int | None:
        """Of a trial that was planned in a round: what is decided about it knows the trials below this."""
        below: int | None = kept_on(self.trial, KNOWN_BELOW)
        return below

    def _known(self) -> list[FrozenTrial]:
        """The trials that have ended and may be known when it is decided whether this one ends."""
        if self._known_below is None:
            return [trial for trial in self.queue.all() if trial.state.is_finished()]
        if self._frozen is None:  # they have ended, so they stay as they are
            self._frozen = self.queue.all()[: self._known_below]
        return self._frozen

    def _look(self, measurement: Measurement, score: Score) -> Look:
        return Look(
            step=self.steps_before + measurement.step,
            value=score.value,
            metrics=measurement.metrics,
            ends_rung=measurement.last,
            rung=f"{measurement.step} of {self.run.total_steps} steps",
            diverged=score.divergence is not None,
        )

    def _next_training(self) -> AnyRun:
        self.steps_before += self.run.total_steps
        self.run = self.to_follow.pop(0)
        self._curve = {}
        return self.run

    def _end(self, measurement: Measurement) -> Cancel | None:
        if not measurement.last:
            return Cancel(self.run.key)
        self._stop()
        return None

    def _stop(self) -> None:
        assert self._stopping is not None, "a run is ended early because something was decided"
        attributes = {STOPPED: self._stopping.why, **self._measured()}
        if self._stopping.expected is not None:
            attributes[EXPECTED_VALUE] = self._stopping.expected
        self.queue.prune(self.trial.number, attributes, self.marks)

    def _tell(self, score: Score) -> None:
        attributes = self._measured()
        if score.divergence is not None:
            attributes[DIVERGED] = score.divergence
        if self.run.total_steps < self.spec.horizon_steps:
            self.queue.prune(self.trial.number, attributes, self.marks)
        else:
            self.queue.complete(self.trial, score.value, attributes, self.marks)
            self._value = score.value if score.divergence is None else None

    def _measured(self) -> dict[str, Any]:
        attributes: dict[str, Any] = {RUNS: [{"seed": self.seed_index, **self._curve}]}
        if self._averaged is not None:
            attributes[AVERAGED_AT_HALFWAY] = self._averaged
        return attributes


@dataclass
class ConfirmationJob:
    """One leader on one fresh seed."""

    confirmation: Confirmation
    spec: StudySpec
    candidate: Candidate
    run: AnyRun
    seed_index: int
    _untrained: float = math.nan
    result: None = None

    def began(self, untrained: Mapping[str, float]) -> None:
        # a script may not have told it
        self._untrained = untrained.get(self.spec.objective, math.nan)

    def measured(self, measurement: Measurement) -> None:
        if measurement.last:
            value = _score(measurement, self.spec, self._untrained).value
            self.confirmation.add(self.candidate.key, self.seed_index, value)

    def remarked(self, text: str) -> None:
        """Said already of a trial of the same script."""

    def failed(self, reason: str) -> None:
        why = reason.strip().rpartition("\n")[2]
        error = RunError(f"confirming {self.candidate.describe()} failed: {why}")
        error.add_note(reason)  # seen with --debug
        raise error

    def cancelled(self) -> None:
        raise AssertionError("a confirmation is always trained to its end")

    def hand_back(self) -> None:
        """Nothing is kept of an unfinished confirmation; whoever takes it over trains it again."""


def confirmation_jobs(confirmation: Confirmation, spec: StudySpec) -> list[ConfirmationJob]:
    """The runs that are still missing from a confirmation."""
    return [
        ConfirmationJob(confirmation, spec, candidate, _confirmation_run(candidate, spec, j), j)
        for candidate, j in confirmation.missing
    ]


def _confirmation_run(candidate: Candidate, spec: StudySpec, j: int) -> AnyRun:
    return make_run(
        spec,
        key=("confirmation", candidate.key, j),
        schedule=candidate.schedule,
        params=candidate.params,
        seed=seeds.confirmation_seed(spec.seed, j),
        total_steps=spec.horizon_steps,
        report_steps=(spec.horizon_steps,),
        trial=candidate.trial_numbers[0],
    )


def _score(measurement: Measurement, spec: StudySpec, untrained: float) -> Score:
    return score_run(
        measurement.metrics.get(spec.objective, math.nan),  # a diverged run has no metrics
        untrained_value=untrained,
        direction=spec.direction,
        diverged_at_step=measurement.diverged_at_step,
    )
