"""What a round of trials may know, and that it is the same for everybody."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from search.runs.trial_attributes import PROPOSAL, kept
from search.spec.rounds import Rounds, chosen_rounds
from search.strategy.rounds import knowledge, known_below
from search.strategy.strategy import Strategy
from tests.search_tests.strategy.synthetic import SyntheticStudy, floor_matters, spec


@given(st.one_of(st.none(), st.integers(1, 10**6)))
def test_a_study_has_at_least_two_runs_out_and_a_small_part_of_its_runs(n_runs: int | None) -> None:
    rounds = chosen_rounds(n_runs)
    out = rounds.size + rounds.delay
    assert 1 <= rounds.size <= 16
    assert rounds.delay >= 1
    assert 2 <= out <= 64
    assert n_runs is None or out <= max(2, n_runs / 7)


def test_a_study_file_may_say_otherwise() -> None:
    assert chosen_rounds(200, size=3) == Rounds(3, 25)
    assert chosen_rounds(200, delay=0) == Rounds(7, 0)


def sixteen() -> SyntheticStudy:
    study = SyntheticStudy(spec(), floor_matters)
    study.run(Strategy(study.spec, n_runs=200), 16)
    return study


def test_what_has_ended_past_the_delay_is_as_if_it_trained() -> None:
    trials = sixteen().trials
    known = known_below(trials, 12)
    assert known is not None
    assert [trial.state for trial in known[12:]] == [TrialState.RUNNING] * 4
    assert [trial.number for trial in known] == list(range(16))
    assert all(trial.values is None and not trial.intermediate_values for trial in known[12:])
    assert [kept(t, PROPOSAL) for t in known] == [kept(t, PROPOSAL) for t in trials]
    assert known[:12] == trials[:12]


def test_a_round_waits_for_what_it_must_know_and_for_nothing_else() -> None:
    study = sixteen()
    study.trials[13].state = TrialState.RUNNING
    assert len(list(knowledge(study.trials, Rounds(2, 3)))) == 1, "all results are not in"
    assert list(knowledge(study.trials, Rounds(2, 2))) == []
    study.trials[13].state = TrialState.FAIL
    assert len(list(knowledge(study.trials, Rounds(2, 2)))) == 2


def proposed(study: SyntheticStudy, trials: Sequence[FrozenTrial], rounds: Rounds) -> list[dict[str, Any]]:
    known = next(knowledge(trials, rounds))
    found = itertools.islice(Strategy(study.spec, n_runs=200).round(known), rounds.size)
    return [dict(proposal.params) for proposal in found]


@pytest.mark.parametrize("n_trials", [30, 44])
def test_a_round_depends_on_no_result_past_its_delay(n_trials: int) -> None:
    study = SyntheticStudy(spec(), floor_matters)
    study.run(Strategy(study.spec, n_runs=200), n_trials)
    rounds = Rounds(4, 10)
    as_it_is = proposed(study, study.trials, rounds)
    for trial in study.trials[-10:]:
        trial.values = [9.0]
    study.trials[-1].state, study.trials[-1].values = TrialState.FAIL, None
    study.trials[-2].state, study.trials[-2].values = TrialState.RUNNING, None
    assert proposed(study, study.trials, rounds) == as_it_is
    study.trials[-11].values = [0.5]
    assert proposed(study, study.trials, rounds) != as_it_is


def test_a_process_that_has_planned_before_plans_as_a_new_one() -> None:
    """The model's scales are those of the same runs, whoever has fitted them."""
    study = SyntheticStudy(spec(), floor_matters)
    old = Strategy(study.spec, n_runs=200)
    study.run(old, 40)
    rounds = Rounds(4, 10)
    known = next(knowledge(study.trials, rounds))
    by_old = [p.params for p in itertools.islice(old.round(known), 4)]
    assert by_old == proposed(study, study.trials, rounds)
