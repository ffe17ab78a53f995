"""A study that goes on may find another leader; whoever judges it now is told."""

from __future__ import annotations

from search.results.status import read_status
from search.storage.database import Database
from search.storage.study_record import StudyRecord
from search.verdict.unfinished import unfinished_text
from tests.search_tests.studies import LINEAR, fill, make_study, trial_queue

CONSEQUENCE = ": its leader may change, and this verdict is then about another schedule."


def told(record: StudyRecord) -> str | None:
    return unfinished_text(read_status(record, record.reader()))


def test_a_study_in_training(record: StudyRecord) -> None:
    fill(record, [(LINEAR, 2.0)])
    trial_queue(record).next()
    assert told(record) == f"study small still runs (1 of 8 trials){CONSEQUENCE}"


def test_a_study_whose_trials_wait(record: StudyRecord) -> None:
    fill(record, [(LINEAR, 2.0)])
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    queue.hand_back(trial.number)
    assert told(record) == f"study small still runs (1 of 8 trials){CONSEQUENCE}"


def test_a_study_below_its_limit_that_nobody_trains(record: StudyRecord) -> None:
    fill(record, [(LINEAR, 2.0)])
    assert told(record) == f"study small is not finished (1 of 8 trials){CONSEQUENCE}"


def test_a_study_without_its_confirmation(database: Database) -> None:
    record = make_study(database, n_trials=1)
    fill(record, [(LINEAR, 2.0)])
    words = "1 of 1 trials, its answer not worked out yet"
    assert told(record) == f"study small is not finished ({words}){CONSEQUENCE}"


def test_a_study_in_runs_or_time(database: Database) -> None:
    runs = make_study(database, name="in runs", n_trials=None, n_runs=20)
    fill(runs, [(LINEAR, 2.0)])
    assert "study in runs is not finished (1 of" in str(told(runs))
    time = make_study(database, name="in time", n_trials=None, budget="8h")
    fill(time, [(LINEAR, 2.0)])
    assert " of 8 h)" in str(told(time))


def test_a_study_that_is_done_is_not_mentioned(database: Database) -> None:
    record = make_study(database, n_trials=1, confirmation={"leaders": 0})
    fill(record, [(LINEAR, 2.0)])
    assert "its answer not worked out yet" in str(told(record))
    record.set_attribute("expected", {"complete": 1, "searched": {}, "final": {}})
    assert told(record) is None
