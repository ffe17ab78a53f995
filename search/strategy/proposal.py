"""`Proposal`: a trial to train, and the builder that turns a shape and a relative peak lr into one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from search.runs.trial_attributes import ANOTHER_SEED, SHAPE
from search.spec.study import StudySpec
from search.strategy.candidates import PriorTrial, StandInTrial
from search.strategy.progress import EvaluatedTrial, TrialReader
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange


@dataclass(frozen=True)
class ExpectedGain:
    """What is known when a trial is chosen for what it may gain."""

    left_to_gain: float
    """Expected improvement over the leader, in the unit of the objective."""
    noise_sd: float
    """Between two seeds of one schedule."""
    n_full: int
    """Runs to the full horizon so far, those in training included."""
    leader_seeds: int
    """How often the leader was trained to its end."""


@dataclass(frozen=True)
class Proposal:
    """A trial to train: Optuna's parameters, to which horizon, what for, and why in words."""

    params: Mapping[str, Any]
    horizon_steps: int
    why: str
    purpose: str = SHAPE
    standard: str = ""
    outlook: ExpectedGain | None = None
    """Of a trial chosen for what it may gain."""
    system_attrs: Mapping[str, Any] = field(default_factory=dict)
    """What a sampler of Optuna's keeps on the trial."""


class Wait:
    """Nothing should begin before something in training has ended."""


WAIT = Wait()


class ProposalBuilder:
    """Makes the trials of one study.

    Other hyperparameters of a known shape are drawn once and stay the same for all known shapes, so that
    the first comparisons are of shapes alone.
    """

    def __init__(self, spec: StudySpec, rng: np.random.Generator) -> None:
        self.reader = TrialReader(spec)
        self.space, self.param_space = spec.parsed_space, spec.parsed_params
        self.total_steps = spec.horizon_steps
        self._seed = spec.seed
        self._names = {schedule: name for name, schedule in baselines().items()}
        assert self.space.lr is not None, "a study's space has an lr"
        self.lr = self.space.lr
        self.common_params = self.param_space.sample(PriorTrial(np.random.default_rng(spec.seed)))
        self.rng = rng

        self._shape_space = replace(self.space, lr=None)
        self._lowest_lr = self.lr.low if isinstance(self.lr, FloatRange) else self.lr
        self._any_lr = {"lr": self._lowest_lr} if isinstance(self.lr, FloatRange) else {}

    @property
    def log_lr_range(self) -> tuple[float, float]:
        """Both ends alike where the lr is fixed."""
        if isinstance(self.lr, FloatRange):
            return math.log(self.lr.low), math.log(self.lr.high)
        return math.log(self.lr), math.log(self.lr)

    def draw(self, draw: StandInTrial) -> EvaluatedTrial:
        """A shape of the space, and other hyperparameters, as `draw` suggests them, at any lr."""
        draw.begin()
        schedule = self._shape_space.sample(draw)
        others = self.param_space.sample(draw)
        return self.reader.drawn({**self._any_lr, **draw.taken}, schedule, others, self._lowest_lr)

    def drawn_schedule(self) -> WarmbootSchedule:
        """Any plain schedule of the space, the same for all processes of a study."""
        return self.space.sample(PriorTrial(np.random.default_rng(self._seed)))

    def known(self, schedule: WarmbootSchedule) -> EvaluatedTrial:
        """A shape inside the space as a trial, at any lr."""
        return self.reader.shape(self._known_params(schedule))

    def with_lr(self, tried: EvaluatedTrial, log_lr: float) -> dict[str, Any]:
        """The parameters of a shape at a log peak lr, drawn into the range of the lr."""
        if not isinstance(self.lr, FloatRange):
            return dict(tried.params)
        return {**tried.params, "lr": min(max(math.exp(log_lr), self.lr.low), self.lr.high)}

    def at(
        self,
        tried: EvaluatedTrial,
        log_lr: float,
        why: str,
        *,
        purpose: str = SHAPE,
        outlook: ExpectedGain | None = None,
    ) -> Proposal:
        """A full run of a shape at a log peak lr."""
        params, standard = self.with_lr(tried, log_lr), self.name_of(tried)
        return Proposal(params, self.total_steps, why, purpose, standard, outlook)

    def again(self, tried: EvaluatedTrial, why: str, *, outlook: ExpectedGain | None = None) -> Proposal:
        """A full run of exactly this, which draws another seed."""
        return Proposal(tried.params, self.total_steps, why, ANOTHER_SEED, self.name_of(tried), outlook)

    def name_of(self, tried: EvaluatedTrial) -> str:
        """The name of the standard that a shape is; "" where it is none."""
        return self._names.get(tried.shape.schedule, "")

    def _known_params(self, schedule: WarmbootSchedule) -> dict[str, Any]:
        params = self.space.params_of(schedule.replace(lr=self._lowest_lr))
        assert params is not None, "the portfolio lies inside the space"
        return {**params, **self.common_params}
