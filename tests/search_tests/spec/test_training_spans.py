"""For how long a study has trained, by one clock, or by the times that Optuna noted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from search.runs.trial_attributes import TRAINED_SPAN
from search.spec.training_spans import Moment, trained_seconds
from tests.search_tests.spec.test_budget import at, moment, trial


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
    assert trained_seconds(trials, moment(now)) == seconds


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)), max_size=12))
def test_the_union_of_spans_is_what_a_clock_would_have_counted(spans: list[tuple[int, int]]) -> None:
    covered = {second for start, length in spans for second in range(start, start + length)}
    trials = [trial(start, start + length) for start, length in spans]
    assert trained_seconds(trials, moment(1000)) == len(covered)


def told(start: float, end: float | None = None, clock: str = "a clock", shift: float = 0.0) -> FrozenTrial:
    """A trial with its span by a clock; Optuna noted other times, which are off by so much."""
    made = trial(start + shift, None if end is None else end - 3 * shift)
    made.user_attrs = {TRAINED_SPAN: {"clock": clock, "from": start, **({} if end is None else {"to": end})}}
    return made


@pytest.mark.parametrize(
    ("trials", "seconds"),
    [
        ([told(0, 60, shift=-3600)], 60),  # the time of day was set, or summer time ended
        ([told(0, 60), told(30, 90, shift=32_400)], 90),  # machines of two time zones, one clock
        ([told(0, 60), told(70, shift=-7200)], 90),  # one is running
        ([told(0, 60), told(0, 60, clock="before the machine was started again")], 120),
        ([told(0, 60), told(50, None, clock="before the machine was started again")], 60),  # nobody's
        ([told(0, 60), trial(10, 40)], 90),  # an older version has trained the other
    ],
)
def test_spans_are_told_by_the_clock_of_the_database(trials: list[FrozenTrial], seconds: float) -> None:
    assert trained_seconds(trials, moment(100)) == seconds


def test_without_a_time_what_runs_is_left_out() -> None:
    assert trained_seconds([told(0, 60), told(60), trial(60)]) == 60


def test_an_older_version_may_end_what_this_one_began() -> None:
    made = trial(0, 45)
    made.user_attrs = {TRAINED_SPAN: Moment("a clock", 5.0, local=at(5)).begun()}
    assert trained_seconds([made], moment(100)) == 45
