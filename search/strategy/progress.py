"""The trials of a study as the strategy reads them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from search.direction import sign_of
from search.runs.given_params import GivenParams
from search.runs.trial import Trial
from search.runs.trial_attributes import (
    DIVERGED,
    EXPECTED_VALUE,
    HORIZON_STEPS,
    PROPOSAL,
    PURPOSE,
    SEED_INDEX,
    STEPS_IN_ALL,
    SWEEP,
    is_kept,
    kept,
)
from search.spec.study import StudySpec
from search.strategy.lr_sweep import SweepPoint
from search.strategy.observations import Observation, Points
from search.strategy.shape import Shape, ShapeEncoder
from search.strategy.study_law import Curve
from warmboot.schedule import WarmbootSchedule


class Place:
    """Where a trial lies: its shape and its peak lr, worked out when one of them is asked for.

    Args:
        find: gives both.
    """

    def __init__(self, find: Callable[[], tuple[Shape, float]]) -> None:
        self._find = find

    @cached_property
    def shape(self) -> Shape:
        return self._both[0]

    @cached_property
    def lr(self) -> float:
        return self._both[1]

    @cached_property
    def _both(self) -> tuple[Shape, float]:
        return self._find()


@dataclass(frozen=True, eq=False)
class EvaluatedTrial:
    """One trial to the full horizon, finished or in training."""

    params: Mapping[str, Any]
    place: Place
    seed: int
    value: float | None
    """Lower is better; None while it trains."""
    number: int = -1
    """Of the trial; -1 where it has none yet."""
    stopped: bool = False
    """Whether it was stopped early: `value` is what it was expected to reach."""
    diverged: bool = False
    """Whether it ended no better than untrained: its lr was too high, by how much nobody knows."""

    @property
    def shape(self) -> Shape:
        return self.place.shape

    @property
    def lr(self) -> float:
        return self.place.lr

    @cached_property
    def log_lr(self) -> float:
        return math.log(self.lr)

    @cached_property
    def identity(self) -> str:
        """Equal for trials of equal parameters, the seed left aside."""
        return json.dumps(dict(self.params), sort_keys=True)

    def observed(self, value: float) -> Observation:
        return Observation(self.shape.features, self.log_lr, self.shape.log_scale, value, self.seed)


@dataclass(frozen=True)
class Progress:
    """What a study has measured so far."""

    sweep: list[SweepPoint] = field(default_factory=list)
    n_swept: int = 0
    """Trainings of the sweep that were asked for, whatever became of them."""
    sweep_in_training: int = 0
    done: list[EvaluatedTrial] = field(default_factory=list)
    in_training: list[EvaluatedTrial] = field(default_factory=list)
    failed: list[EvaluatedTrial] = field(default_factory=list)
    """Trials that ended without a value."""
    curves: list[Curve] = field(default_factory=list)
    """Of all that ended, the sweep's as well; none where the study's objective is no loss."""

    @property
    def n_full(self) -> int:
        return len(self.done) + len(self.in_training)


def value_of(tried: EvaluatedTrial) -> float:
    """The value of a finished trial."""
    assert tried.value is not None, "the trial is in training"
    return tried.value


def alike(runs: Sequence[EvaluatedTrial], other: EvaluatedTrial) -> list[EvaluatedTrial]:
    """The runs of the same shape as `other`."""
    return [tried for tried in runs if tried.shape.alike(other.shape)]


def points_of(runs: Sequence[EvaluatedTrial]) -> Points:
    """The runs' shapes, each at its own peak lr."""
    return Points(
        np.array([tried.shape.features for tried in runs]),
        np.array([tried.log_lr for tried in runs]),
        np.array([tried.shape.log_scale for tried in runs]),
    )


class TrialReader:
    """Reads trials into `Progress`; remembers the shape of every trial it has seen."""

    def __init__(self, spec: StudySpec) -> None:
        self._space, self._param_space = spec.parsed_space, spec.parsed_params
        self._shapes = ShapeEncoder(spec.horizon_steps, self._param_space)
        self._sign = sign_of(spec.direction)
        self._total_steps, self._wants_curves = spec.horizon_steps, spec.sampler.uses_law and self._sign > 0
        self._seen: dict[int, EvaluatedTrial] = {}
        self._done: dict[int, EvaluatedTrial] = {}

    def read(self, trials: Sequence[Trial]) -> Progress:
        """All of a study's trials, in the order of their numbers."""
        sweep: list[SweepPoint] = []
        done: list[EvaluatedTrial] = []
        in_training: list[EvaluatedTrial] = []
        failed: list[EvaluatedTrial] = []
        curves: list[Curve] = []
        n_swept = waiting = 0
        for trial in trials:
            value = self._value(trial)
            if value is not None and DIVERGED not in trial.user_attrs and self._wants_curves:
                curves += self._curve(trial)
            if trial.user_attrs.get(PURPOSE) == SWEEP:
                n_swept += 1
                waiting += not trial.state.is_finished()
                if value is not None:
                    sweep.append(SweepPoint(float(kept(trial, PROPOSAL)["lr"]), value))
                continue
            tried = self._tried(trial)
            if tried is None:
                continue
            if trial.state.name == "FAIL":
                failed.append(tried)
            elif not trial.state.is_finished():
                in_training.append(tried)
            elif value is not None:
                done.append(self._ended(trial, tried, value))
        return Progress(sweep, n_swept, waiting, done, in_training, failed, curves)

    def shape(self, params: Mapping[str, Any]) -> EvaluatedTrial:
        """A trial that has not been asked for yet.

        Raises:
            KeyError: a parameter is missing; where the trial is used for the first time.
        """
        return EvaluatedTrial(params, Place(partial(self._found, params)), seed=0, value=None)

    def drawn(
        self, params: Mapping[str, Any], schedule: WarmbootSchedule, others: Mapping[str, Any], lr: float
    ) -> EvaluatedTrial:
        """The same where `schedule` and the other hyperparameters are known already; `lr` is any."""
        shape = self._shapes.shape(schedule, others)
        return EvaluatedTrial(params, Place(lambda: (shape, lr)), seed=0, value=None)

    def _found(self, params: Mapping[str, Any]) -> tuple[Shape, float]:
        trial = GivenParams(params)
        schedule = self._space.sample(trial)
        others = self._param_space.sample(trial)
        assert schedule.lr is not None, "a study's space has an lr"
        return self._shapes.shape(schedule, others), schedule.lr

    def _curve(self, trial: Trial) -> list[Curve]:
        """What a finished trial has validated; nothing of one that trained shorter horizons first, whose
        steps are those of several runs."""
        tried = self._tried(trial)
        if tried is None or is_kept(trial, STEPS_IN_ALL) or not trial.intermediate_values:
            return []
        horizon = int(trial.user_attrs.get(HORIZON_STEPS, self._total_steps))
        reports = sorted(trial.intermediate_values.items())
        losses = tuple((step, loss) for step, loss in reports if 0 < step <= horizon and math.isfinite(loss))
        return [Curve(trial.number, tried.shape, tried.log_lr, horizon, losses)]

    def _tried(self, trial: Trial) -> EvaluatedTrial | None:
        if trial.number not in self._seen:
            tried = replace(self.shape(kept(trial, PROPOSAL) or trial.params), number=trial.number)
            if trial.state.name != "COMPLETE" and not _is_drawn(tried):
                return None
            self._seen[trial.number] = tried
        tried = self._seen[trial.number]
        seed = int(trial.user_attrs.get(SEED_INDEX, 0))
        if seed != tried.seed:
            tried = self._seen[trial.number] = replace(tried, seed=seed)
        return tried

    def _ended(self, trial: Trial, tried: EvaluatedTrial, value: float) -> EvaluatedTrial:
        """With its result, which does not change any more."""
        if trial.number not in self._done:
            stopped, diverged = trial.state.name == "PRUNED", DIVERGED in trial.user_attrs
            self._done[trial.number] = replace(tried, value=value, stopped=stopped, diverged=diverged)
        return self._done[trial.number]

    def _value(self, trial: Trial) -> float | None:
        """Lower is better. A stopped trial counts with what it was expected to reach: what it had reached
        says as much about when it was stopped as about its schedule."""
        if trial.state.name == "COMPLETE" and trial.value is not None:
            return self._sign * float(trial.value)
        if trial.state.name != "PRUNED":
            return None
        value = trial.user_attrs.get(EXPECTED_VALUE)
        if trial.user_attrs.get(PURPOSE) == SWEEP and trial.intermediate_values:
            value = trial.intermediate_values[max(trial.intermediate_values)]
        return None if value is None else self._sign * float(value)


def _is_drawn(tried: EvaluatedTrial) -> bool:
    """Whether all its parameters are; of a trial that another process asks for, one at a time."""
    try:
        return tried.lr > 0
    except KeyError:
        return False
