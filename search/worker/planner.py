"""What a worker trains next: the study's own strategy, or the baselines and then one of Optuna's samplers.

Either is asked for a round at a time (`search.strategy.rounds`). Where a study need not be the same every
time, as with trainings that take unequal times, a round is one trial that knows whatever is in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial

from search.runs.schedule_key import schedule_key
from search.runs.schedule_words import described
from search.runs.trial_attributes import (
    BASELINE,
    HORIZON_STEPS,
    KNOWN_BELOW,
    LEFT_TO_GAIN,
    PROPOSAL,
    PURPOSE,
    SCHEDULE_KEY,
    SEED_INDEX,
    WHY,
    in_sight,
    is_kept,
    kept,
    out_of_sight,
)
from search.spec.study import StudySpec
from search.storage.database import Database
from search.storage.plans import WAIT, NextTrial, Plan, Planned, StopSearch
from search.storage.study_record import StudyRecord, find_study
from search.strategy.baselines_first import BaselinesFirst, baselines_first
from search.strategy.optuna_samplers import EARLIER
from search.strategy.plateau import plateau
from search.strategy.proposal import ExpectedGain, Proposal
from search.strategy.rounds import can_be_planned, knowledge
from search.strategy.sampler_rounds import SamplerRounds
from search.strategy.strategy import Strategy
from search.strategy.study_model import study_model
from warmboot.schedule import WarmbootSchedule

SHAPES_OF_AN_EARLIER_STUDY = 3


def make_plan(record: StudyRecord) -> Plan:
    """What `TrialQueue` asks for the next trials of a study.

    Raises:
        UsageError: an earlier study does not exist.
    """
    spec = record.spec
    if spec.sampler.name != "warmboot":
        first = baselines_first(spec, spec.limit.most_full_runs)
        if record.attributes.rounds is None:
            return BaselinesPlan(first)
        return RoundsPlan(record, SamplerRounds(spec, first))
    names = spec.sampler.arguments.get(EARLIER, [])
    earlier = [shape for name in names for shape in _best_shapes(record.database, name)]
    return RoundsPlan(record, make_strategy(spec, earlier).round)


def make_strategy(spec: StudySpec, earlier: Sequence[WarmbootSchedule] = ()) -> Strategy:
    """The strategy of a study as its kind of proxy allows it."""
    n_runs = spec.limit.most_full_runs
    return Strategy(spec, n_runs=n_runs, may_shorten=spec.can_change_horizon, earlier=earlier)


class BaselinesPlan:
    """Baselines first; then nothing is planned and the sampler draws."""

    def __init__(self, first: BaselinesFirst) -> None:
        self._first = first

    def __call__(self, trials: Sequence[FrozenTrial]) -> Planned:
        first = self._first(len(trials))
        return None if first is None else NextTrial(first["params"], first["user_attrs"])


ProposeRound = Callable[[Sequence[FrozenTrial], int], Iterator[Proposal]]
"""The trials of a study as a round knows them, how many are wanted -> the proposals, one after another."""


class RoundsPlan:
    """Plans a round of trials; of a study without rounds one trial, knowing whatever is in.

    Args:
        record: the study; its limit is read anew for each round, since every launch may change it.
        propose: what to train.
    """

    takes_long = True  # a fit of the model to all trials

    def __init__(self, record: StudyRecord, propose: ProposeRound) -> None:
        self._record, self._propose = record, propose
        self._spec, self._rounds = record.spec, record.attributes.rounds

    def is_ready(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether a round can be planned though trials still train: all that it must know is in."""
        return self._rounds is not None and can_be_planned(trials, self._rounds)

    def __call__(self, trials: Sequence[FrozenTrial]) -> Planned:
        if self._rounds is None:
            return self._planned(trials, 1) or WAIT
        for known in knowledge(trials, self._rounds):
            below = sum(trial.state.is_finished() for trial in known)
            planned = self._planned(known, self._rounds.size, {KNOWN_BELOW: below})
            if planned:
                return planned
        return WAIT

    def _planned(
        self, known: Sequence[FrozenTrial], size: int, more: Mapping[str, Any] | None = None
    ) -> list[NextTrial] | StopSearch:
        """`more`: attributes of all."""
        limit, now = self._record.attributes.limit, self._record.now()
        shown, asked = list(known), _Asked(self._spec, known)
        planned: list[NextTrial] = []
        for proposal in itertools.islice(self._propose(known, size), size):
            if not limit.may_start(shown, now):
                break
            why = _plateau(proposal.outlook, shown) if self._spec.early_stopping.plateau else None
            if why is not None:
                return planned or StopSearch(why)
            planned.append(asked.trial(proposal, more or {}))
            shown.append(_begun(planned[-1]))
        return planned


@dataclass
class _Asked:
    """Turns proposals into trials, each with its seed: a schedule's trials train its seeds in their order."""

    spec: StudySpec
    known: Sequence[FrozenTrial]
    _seeds: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for trial in self.known:
            key = kept(trial, SCHEDULE_KEY)
            if key is not None:
                self._seeds[key] = max(self._seeds.get(key, 0), 1 + int(trial.user_attrs[SEED_INDEX]))

    def trial(self, proposal: Proposal, more: Mapping[str, Any]) -> NextTrial:
        """The trial of a proposal, `more` among its attributes."""
        drawn = FixedTrial(dict(proposal.params))
        schedule = self.spec.parsed_space.sample(drawn)
        key = schedule_key(schedule.lr_table(proposal.horizon_steps), self.spec.parsed_params.sample(drawn))
        seed = self._seeds.get(key, 0)
        self._seeds[key] = seed + 1
        attributes: dict[str, Any] = {
            PROPOSAL: dict(proposal.params),
            PURPOSE: proposal.purpose,
            HORIZON_STEPS: proposal.horizon_steps,
            WHY: proposal.why,
            SCHEDULE_KEY: key,
            SEED_INDEX: seed,
            **described(schedule, proposal.horizon_steps),
            **more,
        }
        if proposal.standard:
            attributes[BASELINE] = proposal.standard
        if proposal.outlook is not None:
            attributes[LEFT_TO_GAIN] = proposal.outlook.left_to_gain
        system = {**proposal.system_attrs, **out_of_sight(attributes)}
        return NextTrial(drawn.params, in_sight(attributes), drawn.distributions, system)


def _begun(trial: NextTrial) -> FrozenTrial:
    return create_trial(
        state=TrialState.RUNNING,
        params=dict(trial.params),
        distributions=dict(trial.distributions),
        user_attrs=dict(trial.user_attrs),
        system_attrs=dict(trial.system_attrs),
    )


def _plateau(outlook: ExpectedGain | None, trials: Sequence[FrozenTrial]) -> str | None:
    if outlook is None:
        return None
    gains = [float(kept(t, LEFT_TO_GAIN)) for t in trials if is_kept(t, LEFT_TO_GAIN)]
    return plateau(
        [*gains, outlook.left_to_gain],
        noise_sd=outlook.noise_sd,
        n_full=outlook.n_full,
        leader_seeds=outlook.leader_seeds,
    )


def _best_shapes(database: Database, name: str) -> list[WarmbootSchedule]:
    """The shapes that lead an earlier study, without their lrs."""
    record = find_study(database, name)
    if record.spec.lr_is_auto:  # it has not begun
        return []
    model = study_model(record.spec, record.load().get_trials(deepcopy=False))
    found = [] if model is None else model.estimates()
    shapes = dict.fromkeys(estimate.schedule.replace(lr=None) for estimate in found)
    return list(shapes)[:SHAPES_OF_AN_EARLIER_STUDY]
