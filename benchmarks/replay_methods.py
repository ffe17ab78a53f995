"""The searches that `replay.py` compares: each spends `n` trainings and names one schedule.

A training is `measure(schedule, seed_number, share)`; the value returned is what a real one would report.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial

from search.results.confirmation import to_confirm
from search.runs.trial_attributes import HORIZON_STEPS, PROPOSAL, PURPOSE, kept
from search.spec.confirmation import confirmation_size
from search.spec.rounds import Rounds, chosen_rounds
from search.spec.study import StudySpec
from search.strategy.proposal import Proposal
from search.strategy.rounds import knowledge
from search.strategy.strategy import Strategy
from search.strategy.study_model import StudyModel, study_model
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule

Measure = Callable[[WarmbootSchedule, int, float], float]
ALMOST = 0.97
"""Of what an untrained network has: from there a training counts as diverged, as the product judges it."""
SWEEPS = ("linear", "linear_warmup", "cosine")


def warmboot(
    spec: StudySpec,
    n: int,
    measure: Measure,
    rng: np.random.Generator,
    *,
    untrained: float,
    shorten: bool = False,
    in_rounds: bool = False,
) -> tuple[WarmbootSchedule, StudyModel]:
    """The product's search, its confirmation included, one training at a time; or `in_rounds`, knowing no
    more than in a study whose runs train together."""
    size = confirmation_size(declared=False, leaders=None, seeds=None, n_runs=n)
    search_steps = (n - size.most_runs) * spec.horizon_steps
    n_runs = n - size.most_runs
    strategy = Strategy(spec, seed=int(rng.integers(2**32)), n_runs=n_runs, may_shorten=shorten)
    rounds = chosen_rounds(n_runs) if in_rounds else Rounds(1, 0)
    trials: list[FrozenTrial] = []
    spent = 0
    while spent + spec.horizon_steps <= search_steps:
        for proposal in _round(strategy, trials, rounds):
            if spent + spec.horizon_steps <= search_steps:
                trials.append(_trained(spec, proposal, trials, measure, untrained))
                spent += proposal.horizon_steps
    confirmed = _confirmed(spec, trials, size.leaders, size.seeds, measure) if size.leaders else {}
    model = study_model(spec, trials, confirmed)
    assert model is not None, "there is a full run"
    return model.answer().chosen.schedule, model


def _round(strategy: Strategy, trials: Sequence[FrozenTrial], rounds: Rounds) -> list[Proposal]:
    for known in knowledge(trials, rounds):
        found = list(islice(strategy.round(known, rounds.size), rounds.size))
        if found:
            return found
    raise AssertionError("nothing is in training")


def _trained(
    spec: StudySpec, proposal: Proposal, trials: Sequence[FrozenTrial], measure: Measure, untrained: float
) -> FrozenTrial:
    params = dict(proposal.params)
    schedule = spec.parsed_space.sample(FixedTrial(params))
    seed = sum(
        kept(t, PROPOSAL) == params and t.user_attrs[HORIZON_STEPS] == proposal.horizon_steps for t in trials
    )
    value = measure(schedule, seed, proposal.horizon_steps / spec.horizon_steps)
    diverged: dict[str, Any] = {"diverged": {}} if value >= ALMOST * untrained else {}
    attributes = {
        PROPOSAL: params,
        PURPOSE: proposal.purpose,
        HORIZON_STEPS: proposal.horizon_steps,
        "seed": seed,
        **diverged,
    }
    short = proposal.horizon_steps < spec.horizon_steps
    trial = create_trial(
        state=TrialState.PRUNED if short else TrialState.COMPLETE,
        value=None if short else value,
        user_attrs=attributes,
        intermediate_values={proposal.horizon_steps: value},
    )
    trial.number = len(trials)
    return trial


def _confirmed(
    spec: StudySpec, trials: Sequence[FrozenTrial], n_leaders: int, n_seeds: int, measure: Measure
) -> dict[int, list[float]]:
    model = study_model(spec, trials)
    assert model is not None
    chosen = to_confirm(model.estimates(), lambda estimate: estimate.is_baseline, n_leaders)
    return {e.number: [measure(e.schedule, 1_000 + j, 1.0) for j in range(n_seeds)] for e in chosen}


def sweep(name: str, spec: StudySpec, n: int, measure: Measure, rng: np.random.Generator) -> WarmbootSchedule:
    """One shape at `n` peak lrs at equal distances in the log, their offset drawn."""
    field: Any = spec.parsed_space.lr
    low, high = math.log(field.low), math.log(field.high)
    offset = float(rng.random())
    tried = [baselines()[name].replace(lr=math.exp(low + (high - low) * (i + offset) / n)) for i in range(n)]
    return min(tried, key=lambda schedule: measure(schedule, 0, 1.0))


def refine(spec: StudySpec, n: int, measure: Measure, rng: np.random.Generator) -> WarmbootSchedule:
    """Linear with 5% warm-up: half the runs a grid, then both sides of the best at half the distance."""
    field: Any = spec.parsed_space.lr
    low, high = math.log(field.low), math.log(field.high)
    count = max(2, n // 2)
    gap = (high - low) / count
    values: dict[float, float] = {}

    def run(x: float) -> None:
        if len(values) < n and x not in values:
            values[x] = measure(baselines()["linear_warmup"].replace(lr=math.exp(x)), 0, 1.0)

    for i in range(count):
        run(low + gap * (i + 0.5))
    while len(values) < n and gap > 1e-3:
        gap /= 2
        best = min(values, key=values.__getitem__)
        run(min(best + gap, high))
        run(max(best - gap, low))
    return baselines()["linear_warmup"].replace(lr=math.exp(min(values, key=values.__getitem__)))


def optunas(
    sampler: Callable[[int], optuna.samplers.BaseSampler],
    spec: StudySpec,
    n: int,
    measure: Measure,
    rng: np.random.Generator,
) -> WarmbootSchedule:
    """One of Optuna's samplers with its own defaults; the best single run is the answer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study = optuna.create_study(sampler=sampler(int(rng.integers(2**32))))
        space = spec.parsed_space
        study.optimize(lambda trial: measure(space.sample(trial), 0, 1.0), n_trials=n)
    return space.sample(FixedTrial(study.best_params))


SAMPLERS: Mapping[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "TPE": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "GPSampler": lambda seed: optuna.samplers.GPSampler(seed=seed),
}
