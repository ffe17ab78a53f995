"""Trials whose worker crashed are trained alone, and given up once it shows that they are what crashes it."""

from __future__ import annotations

import os

import pytest
from optuna.trial import TrialState

from search.processes.identity import process_name
from search.results.status import read_status
from search.storage.database import Database
from search.storage.leases import Leases
from search.storage.plans import NextTrial
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from tests.search_tests.studies import LINEAR, make_study, trial_queue


@pytest.fixture
def record(database: Database) -> StudyRecord:
    return make_study(database, n_trials=4, confirmation={"leaders": 0})


@pytest.fixture
def queue(record: StudyRecord) -> TrialQueue:
    return trial_queue(record, lambda _: NextTrial(LINEAR, {}))


def gone(number: int) -> str:
    """The name of a process of this machine that has ended."""
    return f"{process_name(os.getpid())}{number}"


def lose(record: StudyRecord, queue: TrialQueue, worker: int, count: int, *, crash: bool) -> list[int]:
    """A worker takes what it gets of so many trials and is gone; their numbers."""
    taken = [trial.number for trial in queue.take(count)]
    Leases(record.database.engine, record.study_id, gone(worker)).take_all(dict.fromkeys(taken, 1))
    if crash:
        record.note_crash(gone(worker), "SIGSEGV")
    return taken


def put_together(queue: TrialQueue) -> None:
    """Trials that wait, so that one call takes several."""
    for trial in [queue.next() for _ in range(4)]:
        assert trial is not None
        queue.hand_back(trial.number)


def test_what_a_crashed_worker_held_is_trained_one_at_a_time(record: StudyRecord, queue: TrialQueue) -> None:
    put_together(queue)
    assert lose(record, queue, 1, 3, crash=True) == [0, 1, 2]
    (other,) = queue.take(4)
    assert other.number == 3, "what was not in it comes first"
    assert queue.take(4) == [], "and nothing of it beside that"
    assert queue.complete(other, 1.0, {})
    for number in range(3):
        (trial,) = queue.take(4)
        assert trial.number == number
        assert queue.take(4) == [], "it trains alone"
        assert queue.complete(trial, 1.0, {})
    assert [t.state for t in record.load().trials] == [TrialState.COMPLETE] * 4


def test_a_kill_from_outside_makes_nothing_suspect(record: StudyRecord, queue: TrialQueue) -> None:
    put_together(queue)
    for worker in range(5):
        assert lose(record, queue, worker, 3, crash=False) == [0, 1, 2]
    assert [trial.number for trial in queue.take(4)] == [0, 1, 2, 3]


def test_a_trial_that_crashes_its_worker_alone_is_given_up_and_the_others_are_not(
    record: StudyRecord, queue: TrialQueue
) -> None:
    put_together(queue)
    lose(record, queue, 1, 4, crash=True)
    for worker in (2, 3):
        assert lose(record, queue, worker, 4, crash=True) == [0]
    for number in (1, 2, 3):
        (trial,) = queue.take(4)
        assert trial.number == number
        assert queue.complete(trial, 1.0, {})
    why = "its worker was lost 3 times (SIGSEGV), 2 times with nothing else in it; not tried again."
    assert queue.given_up() == {0: why}
    assert queue.given_up() == {}, "it is told once"
    assert queue.take(4) == [], "it counts as one of the study's trials"
    look = read_status(record, record.reader())
    assert look.counts == {"fail": 1, "complete": 3}
    assert look.failures == {why: 1}


def test_a_crash_that_is_noted_late_is_known_of_what_was_taken_back_before(
    record: StudyRecord, queue: TrialQueue
) -> None:
    put_together(queue)
    lose(record, queue, 1, 2, crash=False)
    assert lose(record, queue, 2, 2, crash=False) == [0, 1]
    record.note_crash(gone(1), "SIGSEGV")
    assert [trial.number for trial in queue.take(4)] == [2, 3]
