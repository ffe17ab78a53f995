"""The trials of a study as the strategy reads them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from search.direction import sign_of
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


@dataclass(frozen=True, eq=False)
class EvaluatedTrial:
    """One trial to the full horizon, finished or in training."""

    params: Mapping[str, Any]
    shape: Shape
    lr: float
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

    def read(self, trials: Sequence[FrozenTrial]) -> Progress:
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
            if trial.state == TrialState.FAIL:
                failed.append(tried)
            elif not trial.state.is_finished():
                in_training.append(tried)
            elif value is not None:
                stopped, diverged = trial.state == TrialState.PRUNED, DIVERGED in trial.user_attrs
                done.append(replace(tried, value=value, stopped=stopped, diverged=diverged))
        return Progress(sweep, n_swept, waiting, done, in_training, failed, curves)

    def shape(self, params: Mapping[str, Any]) -> EvaluatedTrial:
        """A trial that has not been asked for yet."""
        trial = FixedTrial(dict(params))
        schedule = self._space.sample(trial)
        others = self._param_space.sample(trial)
        assert schedule.lr is not None, "a study's space has an lr"
        return EvaluatedTrial(
            dict(params), self._shapes.shape(schedule, others), schedule.lr, seed=0, value=None
        )

    def drawn(
        self, params: Mapping[str, Any], schedule: WarmbootSchedule, others: Mapping[str, Any], lr: float
    ) -> EvaluatedTrial:
        """The same where `schedule` and the other hyperparameters are known already; `lr` is any."""
        return EvaluatedTrial(params, self._shapes.shape(schedule, others), lr, seed=0, value=None)

    def _curve(self, trial: FrozenTrial) -> list[Curve]:
        """What a finished trial has validated; nothing of one that trained shorter horizons first, whose
        steps are those of several runs."""
        tried = self._tried(trial)
        if tried is None or is_kept(trial, STEPS_IN_ALL) or not trial.intermediate_values:
            return []
        horizon = int(trial.user_attrs.get(HORIZON_STEPS, self._total_steps))
        reports = sorted(trial.intermediate_values.items())
        losses = tuple((step, loss) for step, loss in reports if 0 < step <= horizon and math.isfinite(loss))
        return [Curve(trial.number, tried.shape, tried.log_lr, horizon, losses)]

    def _tried(self, trial: FrozenTrial) -> EvaluatedTrial | None:
        if trial.number not in self._seen:
            params = kept(trial, PROPOSAL) or trial.params
            try:
                self._seen[trial.number] = replace(self.shape(params), number=trial.number)
            except ValueError:  # asked for by another process, its parameters not all drawn yet
                return None
        tried = self._seen[trial.number]
        seed = int(trial.user_attrs.get(SEED_INDEX, 0))
        if seed != tried.seed:
            tried = self._seen[trial.number] = replace(tried, seed=seed)
        return tried

    def _value(self, trial: FrozenTrial) -> float | None:
        """Lower is better. A stopped trial counts with what it was expected to reach: what it had reached
        says as much about when it was stopped as about its schedule."""
        if trial.state == TrialState.COMPLETE:
            return self._sign * float(trial.values[0])
        if trial.state != TrialState.PRUNED:
            return None
        value = trial.user_attrs.get(EXPECTED_VALUE)
        if trial.user_attrs.get(PURPOSE) == SWEEP and trial.intermediate_values:
            value = trial.intermediate_values[max(trial.intermediate_values)]
        return None if value is None else self._sign * float(value)
