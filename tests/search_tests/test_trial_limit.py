"""How long a study may start trials: counted, or by the wall time in which it trained."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.trial_limit import TrialLimit, steps_of, trained_seconds

START = datetime.datetime(2026, 1, 1, 12)


def at(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


def trial(start: float | None, end: float | None = None, state: TrialState | None = None) -> FrozenTrial:
    """A trial that began and perhaps ended so many seconds after noon."""
    made = create_trial(value=1.0)
    made.state = state or (TrialState.RUNNING if end is None else TrialState.COMPLETE)
    made.datetime_start = None if start is None else at(start)
    made.datetime_complete = None if end is None else at(end)
    return made


@pytest.mark.parametrize(
    ("trials", "now", "seconds"),
    [
        ([], 100, 0),
        ([trial(0, 60)], 100, 60),
        ([trial(0, 60), trial(60, 100)], 200, 100),
        ([trial(0, 60), trial(10, 50), trial(30, 90)], 200, 90),  # several workers, one clock
        ([trial(0, 60), trial(36_000, 36_060)], 36_100, 120),  # a night between two launches
        ([trial(0, 60), trial(70)], 100, 90),  # one is running
        ([trial(0, 60), trial(70, 80, TrialState.FAIL)], 100, 70),  # a failure took its time too
        ([trial(0, 60), trial(70, None, TrialState.WAITING)], 500, 60),  # handed back
        ([trial(None, None, TrialState.WAITING)], 500, 0),  # enqueued
        ([trial(50, 40)], 100, 0),  # another machine's clock
    ],
)
def test_time_counts_while_something_trains(trials: list[FrozenTrial], now: float, seconds: float) -> None:
    assert trained_seconds(trials, at(now)) == seconds


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)), max_size=12))
def test_the_union_of_spans_is_what_a_clock_would_have_counted(spans: list[tuple[int, int]]) -> None:
    covered = {second for start, length in spans for second in range(start, start + length)}
    trials = [trial(start, start + length) for start, length in spans]
    assert trained_seconds(trials, at(1000)) == len(covered)


def test_a_number_of_trials_counts_what_trained_or_will() -> None:
    limit = TrialLimit(n_trials=3)
    trials = [trial(0, 9), failed({20: 1.0})]
    assert limit.may_start(trials, at(10))
    assert not limit.may_start([*trials, trial(5)], at(10))


def test_a_trial_that_failed_before_it_trained_takes_none_of_the_number() -> None:
    limit = TrialLimit(n_trials=2)
    assert limit.may_start([trial(0, 9), *[failed({})] * 10], at(10))
    assert not limit.may_start([trial(0, 9), failed({}), failed({}, lost=3)], at(10))


def failed(reported: dict[int, float], **attributes: int) -> FrozenTrial:
    made = trial(0, 9, TrialState.FAIL)
    made.intermediate_values = reported
    made.user_attrs = dict(attributes)
    return made


def test_a_budget_ends_when_its_time_is_trained() -> None:
    limit = TrialLimit(budget_seconds=100)
    assert limit.may_start([], at(0))
    assert limit.may_start([trial(0, 60)], at(5000))
    assert limit.seconds_left([trial(0, 60)], at(5000)) == 40
    assert not limit.may_start([trial(0, 60), trial(5000)], at(5040))
    assert limit.seconds_left([trial(0, 600)], at(5000)) == 0


@pytest.mark.parametrize("limit", [TrialLimit(n_trials=7), TrialLimit(budget_seconds=90.5)])
def test_the_database_gives_a_limit_back(limit: TrialLimit) -> None:
    assert TrialLimit.from_control({**limit.to_control(), "stop": False}) == limit


def test_what_an_older_study_stored_is_a_number_of_trials() -> None:
    assert TrialLimit.from_control({"n_trials": 20, "stop": False}) == TrialLimit(n_trials=20)


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
    limit = TrialLimit(n_runs=2, total_steps=600)
    short = [stepped(TrialState.PRUNED, reported=66, horizon=66)] * 9
    assert limit.may_start([*short, stepped(TrialState.PRUNED, reported=6)], at(10))
    assert not limit.may_start([*short, stepped(TrialState.PRUNED, reported=7)], at(10))
    assert TrialLimit.from_control({**limit.to_control(), "stop": False}) == limit
