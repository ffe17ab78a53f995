"""Optuna's samplers by name, a round at a time: a round is the same whoever proposes it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import optuna
import pytest
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial

from search.spec.study import StudySpec
from search.strategy.baselines_first import baselines_first
from search.strategy.sampler_rounds import SamplerRounds
from tests.search_tests.studies import study_spec

SIZE = 2


def spec_of(sampler: str, n_trials: int = 48) -> StudySpec:
    return study_spec(sampler={"name": sampler}, n_trials=n_trials)


def rounds_of(spec: StudySpec) -> SamplerRounds:
    return SamplerRounds(spec, baselines_first(spec, spec.n_trials))


def ended(spec: StudySpec, params: dict[str, object], number: int) -> FrozenTrial:
    """A trial whose value hangs on its number alone; the last round still trains."""
    drawn = FixedTrial(params, number)
    spec.parsed_space.sample(drawn)
    trial = create_trial(
        state=TrialState.COMPLETE, value=2.0 + number % 5, params=params, distributions=drawn.distributions
    )
    trial.number = number
    return trial


def planned(spec: StudySpec, rounds: SamplerRounds, n_trials: int) -> list[FrozenTrial]:
    trials: list[FrozenTrial] = []
    while len(trials) < n_trials:
        trials += [ended(spec, params, len(trials) + i) for i, params in enumerate(of(rounds, trials))]
    return trials


def of(rounds: SamplerRounds, trials: Sequence[FrozenTrial]) -> list[dict[str, object]]:
    return [dict(proposal.params) for proposal in itertools.islice(rounds(trials, SIZE), SIZE)]


@pytest.fixture(autouse=True)
def _quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "gp"])
def test_who_has_planned_before_plans_a_round_as_a_new_process(sampler: str) -> None:
    spec = spec_of(sampler)
    old = rounds_of(spec)
    trials = planned(spec_of("random"), rounds_of(spec_of("random")), 14)
    assert of(old, trials[:12]) != (after := of(old, trials))
    assert after == of(rounds_of(spec), trials)
    assert not any(params in [trial.params for trial in trials] for params in after)
    other_seed = study_spec(sampler={"name": sampler}, n_trials=48, seed=1)
    assert after != of(rounds_of(other_seed), trials)


def test_a_sequence_goes_on_from_round_to_round() -> None:
    """It fills the space more evenly than chance; begun anew with each round it would not."""
    spec = spec_of("qmc")
    drawn = planned(spec, rounds_of(spec), 48)[16:]
    quarters = Counter(int(trial.params["warmup"] / 0.2 * 4) for trial in drawn)
    assert all(7 <= quarters[quarter] <= 9 for quarter in range(4)), quarters
