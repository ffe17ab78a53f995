"""Studies whose truth is known: the value of a run is a formula of its schedule, and seeded noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial

from search.runs.trial_attributes import HORIZON_STEPS, LEFT_TO_GAIN, PROPOSAL, PURPOSE, SHAPE, SWEEP
from search.spec.study import StudySpec
from search.strategy.peak_lr import peak_lr_scale
from search.strategy.proposal import Proposal
from search.strategy.strategy import Strategy
from search.strategy.study_model import Estimate, StudyModel, study_model
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

SPACE: Mapping[str, Any] = {
    "lr": {"low": 0.01, "high": 3.0, "log": True},
    "warmup": {"low": 0.0, "high": 0.2},
    "n_restarts": {"low": 0, "high": 2},
    "step_scale": {"low": 0.5, "high": 1.0},
    "hold": {"low": 0.0, "high": 0.6},
    "eta_min": {"low": 0.0, "high": 0.3},
    "curve": ["cosine", "linear"],
}
SEED_SD, OWN_SD = 0.015, 0.005
Truth = Callable[[WarmbootSchedule], float]


LINEAR_SCALE = peak_lr_scale(WarmbootSchedule(curve="linear").factors(600))


def lr_term(schedule: WarmbootSchedule, factor: float = 1.0) -> float:
    """A parabola in log lr, its optimum where the bound has it, or `factor` times as high."""
    assert schedule.lr is not None
    scale = peak_lr_scale(schedule.factors(600)) / LINEAR_SCALE
    return 0.25 * math.log(schedule.lr / (0.25 * scale * factor)) ** 2


def end_of(schedule: WarmbootSchedule) -> float:
    """The last lr as a fraction of the peak."""
    return float(schedule.factors(600)[-1])


def floor_matters(schedule: WarmbootSchedule) -> float:
    """Only the peak lr and the end matter: to end at a fifth of the peak is best, which no baseline does."""
    return 2.0 + lr_term(schedule) + 3.0 * (end_of(schedule) - 0.2) ** 2


def only_lr_matters(schedule: WarmbootSchedule) -> float:
    return 2.0 + lr_term(schedule)


def small_gpt2(schedule: WarmbootSchedule) -> float:
    """As a small GPT-2 with AdamW: best at a peak lr of 0.009, flat below it; without a warm-up a wall at
    0.005, with one a cliff at 0.02."""
    assert schedule.lr is not None
    away = math.log(schedule.lr / 0.009)
    value = 3.30 + (0.06 * away**2 if away < 0 else 0.15 * away**2)
    if schedule.lr > (0.005 if schedule.warmup < 0.02 else 0.02):
        value += 1.5
    return value + 0.3 * end_of(schedule)


def spec(**changes: Any) -> StudySpec:
    return study_spec(**{"total_steps": 600, "n_trials": 200, "space": dict(SPACE), **changes})


@dataclass
class SyntheticStudy:
    """Trains nothing; noise as of real runs, part of it shared by all that have the same seed."""

    spec: StudySpec
    truth: Truth
    trials: list[FrozenTrial] = field(default_factory=list)
    maximize: bool = False
    noise: float = 1.0
    luck: int = 0
    """Another number is another draw of the noise."""

    def begin(self, proposal: Proposal) -> FrozenTrial:
        attributes = {
            PROPOSAL: dict(proposal.params),
            PURPOSE: proposal.purpose,
            HORIZON_STEPS: proposal.horizon_steps,
            "seed": sum(t.user_attrs[PROPOSAL] == dict(proposal.params) for t in self.trials),
        }
        if proposal.outlook is not None:
            attributes[LEFT_TO_GAIN] = proposal.outlook.left_to_gain
        trial = create_trial(state=TrialState.RUNNING, user_attrs=attributes)
        trial.number = len(self.trials)
        self.trials.append(trial)
        return trial

    def add(self, params: Mapping[str, Any], values: Sequence[float], purpose: str = SHAPE) -> None:
        """Runs of one schedule whose values are known."""
        for value in values:
            trial = self.begin(Proposal(params, self.spec.horizon_steps, "by hand", purpose))
            trial.values, trial.state = [value], TrialState.COMPLETE

    def end(self, trial: FrozenTrial) -> None:
        params, seed = trial.user_attrs[PROPOSAL], int(trial.user_attrs["seed"])
        schedule = self.spec.parsed_space.sample(FixedTrial(params))
        shared = np.random.default_rng([1, seed, self.luck]).normal() * SEED_SD
        own = np.random.default_rng([2, trial.number, self.luck]).normal() * OWN_SD
        value = self.truth(schedule) + self.noise * float(shared + own)
        value = -value if self.maximize else value
        horizon = trial.user_attrs[HORIZON_STEPS]
        if trial.user_attrs[PURPOSE] == SWEEP:
            trial.intermediate_values = {horizon: value + 1.0}
            trial.state = TrialState.PRUNED
        else:
            trial.values = [value]
            trial.state = TrialState.COMPLETE

    def run(self, strategy: Strategy, n: int) -> None:
        """Train one trial at a time."""
        for _ in range(n):
            proposal = strategy(self.trials)
            assert isinstance(proposal, Proposal), "nothing is in training, so there is nothing to wait for"
            self.end(self.begin(proposal))

    def schedule(self, trial: FrozenTrial) -> WarmbootSchedule:
        return self.spec.parsed_space.sample(FixedTrial(trial.user_attrs[PROPOSAL]))


def model_of(study: SyntheticStudy) -> StudyModel:
    model = study_model(study.spec, study.trials)
    assert model is not None, "a trial has been trained to the full horizon"
    return model


def estimates_of(study: SyntheticStudy) -> list[Estimate]:
    """Best first."""
    return model_of(study).estimates()
