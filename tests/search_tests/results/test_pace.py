"""How fast a study trains, and how long its search still takes."""

from __future__ import annotations

import datetime

import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.results.pace import Training, in_training, pace, seconds_left
from search.runs.trial_attributes import HORIZON_STEPS
from search.spec.budget import Budget
from search.spec.training_spans import Moment
from search.storage.study_record import StudyRecord
from tests.search_tests.studies import trial_queue

START = datetime.datetime(2026, 1, 1, 12)
STEPS = 600
NIGHT = 36_000


def at(seconds: float) -> datetime.datetime:
    return START + datetime.timedelta(seconds=seconds)


def moment(seconds: float) -> Moment:
    return Moment("", seconds, at(seconds))


def trial(
    start: float, end: float | None, *, reported: int = 0, horizon: int = STEPS, state: str = "COMPLETE"
) -> FrozenTrial:
    """A trial from second to second after noon; one without an end trains."""
    made = create_trial(value=1.0, user_attrs={HORIZON_STEPS: horizon})
    made.state = TrialState.RUNNING if end is None else TrialState[state]
    made.datetime_start, made.datetime_complete = at(start), None if end is None else at(end)
    made.intermediate_values = {reported: 1.5} if reported else {}
    return made


def one_by_one(n: int, seconds: float, *, start: float = 0) -> list[FrozenTrial]:
    return [trial(start + i * seconds, start + (i + 1) * seconds) for i in range(n)]


def test_trials_are_counted_over_the_time_in_which_they_trained() -> None:
    found = pace(one_by_one(5, 20), STEPS, at(100))
    assert found is not None
    assert found.trials_per_second == pytest.approx(1 / 20)
    assert found.runs_per_second == pytest.approx(1 / 20)


@pytest.mark.parametrize("n", [4, 60])  # within the trials that are looked at, and beyond
def test_a_pause_is_not_counted(n: int) -> None:
    trials = [*one_by_one(n, 20), *one_by_one(n, 20, start=NIGHT)]
    found = pace(trials, STEPS, at(NIGHT + 20 * n))
    assert found is not None
    assert found.trials_per_second == pytest.approx(1 / 20)
    long_after = pace(trials, STEPS, at(10 * NIGHT))
    assert long_after == found


def test_the_moment_between_two_trials_is_no_pause() -> None:
    trials = [trial(i * 21, i * 21 + 20) for i in range(5)]
    found = pace(trials, STEPS, at(104))
    assert found is not None
    assert found.trials_per_second == pytest.approx(5 / 104)


def test_short_trials_count_as_much_as_they_trained() -> None:
    """The sweep of the peak lr does not make the trials after it look quick."""
    sweep = [trial(i * 2, i * 2 + 2, reported=60, horizon=60, state="PRUNED") for i in range(6)]
    trials = [*sweep, trial(12, 32)]
    assert seconds_left(Budget(n_trials=10), trials, STEPS, moment(32)) == pytest.approx(3 * 20)


def test_a_trial_in_training_counts_with_what_it_has_reported() -> None:
    """An hour before the first of them ends."""
    trials = [trial(0, None, reported=150)]
    assert seconds_left(Budget(n_trials=2), trials, STEPS, moment(900)) == pytest.approx(2700 + 3600)
    found = pace(trials, STEPS, at(900))
    assert found is not None
    assert found.trials_per_second is None
    assert pace([trial(0, None)], STEPS, at(900)) is None
    assert seconds_left(Budget(n_trials=2), [trial(0, None)], STEPS, moment(900)) is None


def test_between_two_ends_nothing_becomes_slower() -> None:
    """One that has just begun has not reported yet."""
    trials = [*one_by_one(3, 20), trial(60, None)]
    for now in (61, 79):
        found = pace(trials, STEPS, at(now))
        assert found is not None
        assert found.trials_per_second == pytest.approx(1 / 20)
        assert seconds_left(Budget(n_trials=8), trials, STEPS, moment(now)) == pytest.approx(5 * 20)


def test_at_the_first_end_those_beside_it_count_too() -> None:
    trials = [trial(0, 100), *[trial(0, None, reported=480) for _ in range(3)]]
    found = pace(trials, STEPS, at(101))
    assert found is not None
    assert found.runs_per_second == pytest.approx(3.4 / 100)


def test_what_a_trial_reported_before_it_was_handed_back_is_trained_again(record: StudyRecord) -> None:
    queue = trial_queue(record)
    for step in (40, 60):
        trial = queue.next()
        assert trial is not None
        queue.report(trial, step, 1.5)
        assert in_training(record.load().get_trials(), 100)[0].step == step
        queue.hand_back(trial.number)
        assert seconds_left(Budget(n_trials=1), record.load().get_trials(), 100, moment(9)) is None
        again = queue.next()
        assert again is not None
        assert in_training(record.load().get_trials(), 100) == [
            Training(number=0, step=step, total_steps=100, value=1.5, again=True)
        ]
        queue.hand_back(again.number)


def test_trials_that_are_stopped_early_make_the_next_ones_shorter_too() -> None:
    stopped = [trial(20 + i * 5, 25 + i * 5, reported=150, state="PRUNED") for i in range(3)]
    trials = [trial(0, 20), *stopped]
    left = seconds_left(Budget(n_trials=8), trials, STEPS, moment(35))
    assert left == pytest.approx(4 * 35 / 4)


def test_a_limit_in_runs_counts_what_they_trained() -> None:
    limit = Budget(n_runs=6, total_steps=STEPS)
    trials = [*one_by_one(3, 20), trial(60, None, reported=300)]
    assert seconds_left(limit, trials, STEPS, moment(70)) == pytest.approx(2.5 * 20)


def test_a_budget_of_time_leaves_what_is_not_used() -> None:
    assert seconds_left(Budget(budget_seconds=100), one_by_one(3, 20), STEPS, moment(500)) == 40


@pytest.mark.parametrize(
    "limit",
    [Budget(n_trials=3), Budget(budget_seconds=50), Budget(n_trials=99, plateau="flat")],
)
def test_nothing_is_left_of_a_search_that_is_over(limit: Budget) -> None:
    assert seconds_left(limit, one_by_one(3, 20), STEPS, moment(60)) == 0


def test_at_a_plateau_only_what_trains_is_left() -> None:
    trials = [*one_by_one(3, 20), trial(60, None, reported=300)]
    limit = Budget(n_trials=99, plateau="flat")
    assert seconds_left(limit, trials, STEPS, moment(70)) == pytest.approx(10)


def test_what_trains_is_told_with_its_last_report() -> None:
    trials = [trial(0, 20), trial(20, None, reported=150), trial(20, None)]
    assert in_training(trials, STEPS) == [
        Training(number=-1, step=150, total_steps=STEPS, value=1.5),
        Training(number=-1, step=0, total_steps=STEPS, value=None),
    ]
