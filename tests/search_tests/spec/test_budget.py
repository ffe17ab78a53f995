"""How long a study may start trials: counted, or by the time in which it trained."""

from __future__ import annotations

import datetime

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.spec.budget import Budget, steps_of
from search.spec.training_spans import Moment

START = datetime.datetime(2026, 1, 1, 12)


def at(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


def moment(seconds: float) -> Moment:
    return Moment("a clock", seconds, local=at(seconds))


def trial(start: float | None, end: float | None = None, state: TrialState | None = None) -> FrozenTrial:
    """A trial that began and perhaps ended so many seconds after noon."""
    made = create_trial(value=1.0)
    made.state = state or (TrialState.RUNNING if end is None else TrialState.COMPLETE)
    made.datetime_start = None if start is None else at(start)
    made.datetime_complete = None if end is None else at(end)
    return made


def test_a_number_of_trials_counts_what_trained_or_will() -> None:
    limit = Budget(n_trials=3)
    trials = [trial(0, 9), failed({20: 1.0})]
    assert limit.may_start(trials, moment(10))
    assert not limit.may_start([*trials, trial(5)], moment(10))


def test_a_trial_that_failed_before_it_trained_takes_none_of_the_number() -> None:
    limit = Budget(n_trials=2)
    assert limit.may_start([trial(0, 9), *[failed({})] * 10], moment(10))
    assert not limit.may_start([trial(0, 9), failed({}), failed({}, lost=3)], moment(10))


def failed(reported: dict[int, float], **attributes: int) -> FrozenTrial:
    made = trial(0, 9, TrialState.FAIL)
    made.intermediate_values = reported
    made.user_attrs = dict(attributes)
    return made


def test_a_budget_ends_when_its_time_is_trained() -> None:
    limit = Budget(budget_seconds=100)
    assert limit.may_start([], moment(0))
    assert limit.may_start([trial(0, 60)], moment(5000))
    assert limit.seconds_left([trial(0, 60)], moment(5000)) == 40
    assert not limit.may_start([trial(0, 60), trial(5000)], moment(5040))
    assert limit.seconds_left([trial(0, 600)], moment(5000)) == 0


@pytest.mark.parametrize("limit", [Budget(n_trials=7), Budget(budget_seconds=90.5)])
def test_the_database_gives_a_limit_back(limit: Budget) -> None:
    assert Budget.from_control({**limit.to_control(), "stop": False}) == limit


def test_what_an_older_study_stored_is_a_number_of_trials() -> None:
    assert Budget.from_control({"n_trials": 20, "stop": False}) == Budget(n_trials=20)


def stepped(state: TrialState, *, reported: int = 0, horizon: int | None = None) -> FrozenTrial:
    made = trial(0, 9, state) if state.is_finished() else trial(0)
    made.intermediate_values = {reported: 1.0} if reported else {}
    made.user_attrs = {} if horizon is None else {"horizon_steps": horizon}
    return made


@pytest.mark.parametrize(
    ("made", "steps"),
    [
        (stepped(TrialState.COMPLETE, reported=600), 600),
        (stepped(TrialState.COMPLETE), 600),
        (stepped(TrialState.PRUNED, reported=200), 200),
        (stepped(TrialState.PRUNED, reported=66, horizon=66), 66),  # of the sweep
        (stepped(TrialState.FAIL), 0),
        (stepped(TrialState.RUNNING, reported=120), 600),  # it may go on to its end
        (stepped(TrialState.RUNNING, horizon=66), 66),
    ],
)
def test_a_trial_costs_the_steps_it_trained(made: FrozenTrial, steps: int) -> None:
    assert steps_of(made, 600) == steps


def test_runs_are_counted_in_steps_and_a_whole_one_has_to_fit() -> None:
    limit = Budget(n_runs=2, total_steps=600)
    short = [stepped(TrialState.PRUNED, reported=66, horizon=66)] * 9
    assert limit.may_start([*short, stepped(TrialState.PRUNED, reported=6)], moment(10))
    assert not limit.may_start([*short, stepped(TrialState.PRUNED, reported=7)], moment(10))
    assert Budget.from_control({**limit.to_control(), "stop": False}) == limit
