"""What a worker trains next: the study's own strategy, or the standards and then one of Optuna's samplers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial

from search.runs.trial_attributes import BASELINE, HORIZON_STEPS, LEFT_TO_GAIN, PROPOSAL, PURPOSE, WHY
from search.spec.study import StudySpec
from search.storage.database import Database
from search.storage.plans import WAIT, NextTrial, Plan, StopSearch, Wait
from search.storage.study_record import find_study
from search.strategy.estimates import study_model
from search.strategy.optuna_samplers import EARLIER
from search.strategy.plateau import plateau
from search.strategy.proposal import ExpectedGain, Proposal
from search.strategy.standards_first import BaselinesFirst, standards_first
from search.strategy.strategy import Strategy
from warmboot.schedule import WarmbootSchedule

SHAPES_OF_AN_EARLIER_STUDY = 3
ROUNDS = 8
"""Where runs train together, a study of `n` runs has at most `n / ROUNDS` of them out at once: each round
of proposals knows the results of the one before."""


def make_plan(spec: StudySpec, database: Database, seed: int) -> Plan:
    """What `TrialQueue` asks for the next trial.

    Args:
        spec: the study.
        database: where it is, and where the earlier studies are that it names.
        seed: of the strategy's draws.

    Raises:
        UsageError: an earlier study does not exist.
    """
    if spec.sampler.name != "warmboot":
        return StandardsPlan(standards_first(spec, spec.limit.most_full_runs))
    names = spec.sampler.arguments.get(EARLIER, [])
    earlier = [shape for name in names for shape in _best_shapes(database, name)]
    return StrategyPlan(make_strategy(spec, seed, earlier), ends_early=spec.early_stopping.plateau)


def make_strategy(spec: StudySpec, seed: int, earlier: Sequence[WarmbootSchedule] = ()) -> Strategy:
    """The strategy of a study as its kind of proxy allows it."""
    n_runs = spec.limit.most_full_runs
    together = spec.proxy_kind == "declared" and n_runs is not None
    return Strategy(
        spec,
        seed,
        n_runs=n_runs,
        may_shorten=spec.can_change_horizon,
        most_in_training=max(2, n_runs // ROUNDS) if together and n_runs is not None else None,
        earlier=earlier,
    )


class StandardsPlan:
    """Standards first; then nothing is planned and the sampler draws."""

    def __init__(self, first: BaselinesFirst) -> None:
        self._first = first

    def __call__(self, trials: Sequence[FrozenTrial]) -> NextTrial | Wait | None:
        first = self._first(len(trials))
        return None if first is None else NextTrial(first["params"], first["user_attrs"])


class StrategyPlan:
    """Every trial is planned; `ends_early`: until no more are worth it."""

    takes_long = True  # a fit of the model to all trials

    def __init__(self, strategy: Strategy, *, ends_early: bool) -> None:
        self._strategy, self._ends_early = strategy, ends_early

    def __call__(self, trials: Sequence[FrozenTrial]) -> NextTrial | Wait | StopSearch | None:
        proposal = self._strategy(trials)
        if not isinstance(proposal, Proposal):
            return WAIT
        why = _plateau(proposal.outlook, trials) if self._ends_early else None
        if why is not None:
            return StopSearch(why)
        attributes: dict[str, Any] = {
            PROPOSAL: dict(proposal.params),
            PURPOSE: proposal.purpose,
            HORIZON_STEPS: proposal.horizon_steps,
            WHY: proposal.why,
        }
        if proposal.standard:
            attributes[BASELINE] = proposal.standard
        if proposal.outlook is not None:
            attributes[LEFT_TO_GAIN] = proposal.outlook.left_to_gain
        return NextTrial(proposal.params, attributes)


def _plateau(outlook: ExpectedGain | None, trials: Sequence[FrozenTrial]) -> str | None:
    if outlook is None:
        return None
    gains = [float(t.user_attrs[LEFT_TO_GAIN]) for t in trials if LEFT_TO_GAIN in t.user_attrs]
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
