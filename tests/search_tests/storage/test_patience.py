"""Patience with a database that is away: asked again, said once, nothing lost and nothing done twice."""

from __future__ import annotations

import itertools
import math
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from search.errors import RunError
from search.processes.identity import process_name
from search.storage.database import Database, open_for_work
from search.storage.leases import CONFIRMATION, PLANNING, Leases
from search.storage.patience import LockHeldError, Patience, StorageAwayError, Trier, Trouble
from search.storage.patient_storage import CALLS
from search.storage.planned_trial import RunningTrial
from search.storage.plans import NextTrial
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.postgres_server import PostgresServer
from tests.search_tests.storage.processes import claim, hold_the_lock, kill, running
from tests.search_tests.studies import LINEAR, make_study, trial_queue


class Away(Exception):
    """What a driver says while the server is away."""


def fails(times: int, error: Exception) -> Callable[[], str]:
    """Does its work after it has failed so often."""
    left = iter([error] * times)

    def work() -> str:
        for failure in left:
            raise failure
        return "done"

    return work


def trier(**patience: object) -> tuple[Trier, list[str]]:
    said: list[str] = []
    made = Trier(lambda error: Trouble("db.example, port 5432, is away") if isinstance(error, Away) else None)
    made.patience = Patience(say=said.append, **patience)  # type: ignore[arg-type]
    return made, said


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.storage.patience.FIRST_PAUSE_SECONDS", 0.01)


def test_what_fails_is_done_again_until_it_is_done_and_said_once() -> None:
    again, said = trier()
    assert again(fails(3, Away())) == "done"
    assert said == ["db.example, port 5432, is away; trying again for up to 1 min"]


def test_two_outages_are_two_lines() -> None:
    again, said = trier(limit_seconds=math.inf)
    for _ in range(2):
        assert again(fails(2, Away())) == "done"
    assert said == ["db.example, port 5432, is away; trying again until it is back"] * 2


def test_what_is_no_outage_is_raised_at_once() -> None:
    again, said = trier()
    with pytest.raises(KeyError, match="study"):
        again(fails(1, KeyError("study")))
    assert said == []


def test_patience_ends_with_the_reason() -> None:
    again, _ = trier(limit_seconds=0.05)
    with pytest.raises(StorageAwayError, match=r"db\.example, port 5432, is away; given up after"):
        again(fails(1000, Away()))


def test_a_stop_is_heard_while_waiting() -> None:
    stop = threading.Event()
    again, _ = trier(limit_seconds=math.inf, stop=stop, meanwhile=stop.set)
    with pytest.raises(StorageAwayError, match="asked to end while waiting"):
        again(fails(1000, Away()))


def test_inside_of_a_unit_nothing_is_done_again_but_the_unit() -> None:
    again, _ = trier()
    inner, outer = fails(2, Away()), itertools.count()

    def unit() -> str:
        next(outer)
        return again(inner)

    assert again(unit) == "done"
    assert next(outer) == 3


def test_who_keeps_a_lock_is_waited_for_without_end_and_told_once_it_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("search.storage.patience.QUIET_SECONDS", 0.05)
    said: list[str] = []
    again = Trier(lambda error: error.trouble if isinstance(error, LockHeldError) else None)
    again.patience = Patience(limit_seconds=0.0, say=said.append)
    assert again(fails(20, LockHeldError("x.db: another process has kept the lock"))) == "done"
    assert said == ["x.db: another process has kept the lock; waiting for it"]


def test_every_call_of_optunas_storage_has_patience() -> None:
    assert set(CALLS) == {name for name in dir(BaseStorage) if not name.startswith("_")}


# What follows is away for real: the server ends its sessions and lets nobody in.


@pytest.fixture
def far(postgres: PostgresServer) -> Iterator[Database]:
    database = open_for_work(postgres.new_database())
    yield database
    database.close()


@contextmanager
def away(postgres: PostgresServer, database: Database) -> Iterator[Callable[[], None]]:
    """The database is closed to everybody; what is given opens it again."""
    name = database.url.database

    def back() -> None:
        postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    _end_sessions(postgres, database)
    try:
        yield back
    finally:
        back()


def _end_sessions(postgres: PostgresServer, database: Database) -> None:
    postgres.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.url.database}'"
    )


def test_a_result_is_held_while_the_server_is_away_and_told_when_it_is_back(
    postgres: PostgresServer, far: Database
) -> None:
    record, said = make_study(far), list[str]()
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    with away(postgres, far) as back:

        def told(text: str) -> None:
            said.append(text)
            back()

        far.patience = Patience(say=told)
        assert queue.complete(trial, 1.5, {"kept": True})
    stored = queue.stored(trial.number)
    assert (stored.state, stored.value, stored.user_attrs["kept"]) == (TrialState.COMPLETE, 1.5, True)
    where = f"the database at {postgres.socket_folder}, port 5432"
    assert [text.partition(" (")[0] for text in said] == [f"{where} is away", f"{where} is back"]
    assert "exceeding max length" not in said[0]


def test_who_asks_while_the_server_is_away_gets_a_trial_when_it_is_back(
    postgres: PostgresServer, far: Database
) -> None:
    record = make_study(far)
    queue = trial_queue(record)
    with away(postgres, far) as back:
        far.patience = Patience(say=lambda _: back())
        trial = queue.next()
    assert trial is not None
    assert [t.state for t in record.load().trials] == [TrialState.RUNNING]


def test_a_server_that_stays_away_is_named_in_the_end(postgres: PostgresServer, far: Database) -> None:
    record = make_study(far)
    with away(postgres, far):
        far.patience = Patience(limit_seconds=0.0, say=lambda _: None)
        with pytest.raises(RunError, match=r"the database at .*, port 5432 is away .*given up"):
            record.next_worker_index()


def test_a_worker_may_begin_while_the_server_is_away(postgres: PostgresServer, far: Database) -> None:
    make_study(far)
    with away(postgres, far) as back:
        database = open_for_work(far.url, Patience(say=lambda _: back()))
    assert database.storage.get_study_id_from_name("small") > 0
    database.close()


def test_leases_that_nobody_could_renew_are_not_swept_as_soon_as_the_server_is_back(
    postgres: PostgresServer, far: Database
) -> None:
    record = make_study(far)
    mine, queue = trial_queue(record), trial_queue(record)
    held = mine.next()
    assert held is not None
    postgres.execute("UPDATE warmboot_leases SET expires_at = 0", str(far.url.database))  # a long outage
    with away(postgres, far) as back:
        far.patience = Patience(say=lambda _: back())
        other = queue.next()
    assert other is not None
    assert other.number != held.number
    assert mine.complete(held, 1.0, {})


def next_one(queue: TrialQueue) -> RunningTrial:
    """Ask again as a worker does: where a plan was interrupted, what is there of it comes next."""
    trial = queue.next() or queue.next()
    assert trial is not None
    return trial


class Slowly:
    """A plan that takes long, as that of the study's own strategy: each trial has an lr of its own."""

    takes_long = True

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self._meanwhile = meanwhile

    def __call__(self, trials: Sequence[FrozenTrial]) -> NextTrial:
        self._meanwhile()
        return NextTrial({**LINEAR, "lr": 0.1 + 0.001 * len(trials)}, {})


def train_one(queue: TrialQueue, record: StudyRecord) -> None:
    """A trial from asking to telling, with everything that a worker does in between."""
    trial = next_one(queue)
    claim(queue, record, trial)
    queue.report(trial, 50, 2.0)
    queue.renew()
    assert queue.complete(trial, 1.0, {"runs": []})


def test_whatever_statement_is_lost_each_trial_is_made_once_and_told_once(
    postgres: PostgresServer, far: Database
) -> None:
    """The session ends before the k-th statement of a trial, for every third k."""
    far.patience = Patience(say=lambda _: None)
    record = make_study(far, n_trials=200)
    queue = trial_queue(record, Slowly())
    count = doomed = 0

    @event.listens_for(far.engine, "before_cursor_execute")
    def _count(*_: object) -> None:
        nonlocal count
        count += 1
        if count == doomed:
            _end_sessions(postgres, far)

    n_trials = 0
    for doomed in itertools.count(1, 3):
        count = 0
        train_one(queue, record)
        n_trials += 1
        if count < doomed:
            break
    doomed = 0
    trials = record.load().trials
    assert [t.state for t in trials] == [TrialState.COMPLETE] * n_trials
    assert all(t.values == [1.0] and t.intermediate_values == {50: 2.0} for t in trials)
    assert len({t.params["lr"] for t in trials}) == n_trials, "a plan was trained twice"
    assert n_trials > 10


def disk_trouble() -> OperationalError:
    """What SQLAlchemy says where the disk does not do its work."""
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorname = "SQLITE_IOERR_FSYNC"
    return OperationalError("COMMIT", {}, failure)


def lose_once(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, *, stored: bool, number: int | None = None
) -> None:
    """The next call, or the next about `number`, fails; `stored`: but does what it should."""
    method, lost = getattr(where, name), list[bool]()

    def call(*args: Any, **kwargs: Any) -> Any:
        hit = not lost and number in (None, args[-1])
        if hit:
            lost.append(True)
        answer = None if hit and not stored else method(*args, **kwargs)
        if hit:
            raise disk_trouble()
        return answer

    monkeypatch.setattr(where, name, call)


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("what", ["create_new_trial", "set_trial_state_values", "the turn given back"])
def test_an_outage_while_a_plan_is_begun_leaves_the_total_exact(
    database: Database, monkeypatch: pytest.MonkeyPatch, what: str, stored: bool
) -> None:
    database.patience = Patience(say=lambda _: None)
    record = make_study(database, n_trials=3)
    queue = trial_queue(record, Slowly())
    for _ in range(2):
        assert queue.complete(next_one(queue), 1.0, {})
    if what == "the turn given back":
        lose_once(monkeypatch, Leases, "release", stored=stored, number=PLANNING)
    else:
        lose_once(monkeypatch, database.rdb, what, stored=stored)
    trial = next_one(queue)
    record.spec.parsed_space.sample(trial)
    assert list(Leases(database.engine, record.study_id, "nobody").all()) == [2], "the turn is for others"
    assert queue.complete(trial, 1.0, {})
    assert queue.next() is None
    trials = record.load().trials
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 3
    assert trials[2].params["lr"] == pytest.approx(0.102)


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("what", ["set_trial_state_values", "give_up"])
def test_handing_back_through_an_outage_costs_a_trial_no_attempt_and_gives_it_none(
    database: Database, monkeypatch: pytest.MonkeyPatch, what: str, stored: bool
) -> None:
    database.patience = Patience(say=lambda _: None)
    record = make_study(database)
    queue, leases = trial_queue(record), Leases(database.engine, record.study_id, "nobody")
    trial = next_one(queue)
    lose_once(monkeypatch, Leases if what == "give_up" else database.rdb, what, stored=stored)
    queue.hand_back(trial.number)
    assert leases.all()[trial.number].attempts == 0
    assert next_one(queue).number == trial.number
    assert leases.all()[trial.number].attempts == 1


def test_who_confirms_and_could_not_renew_goes_on_after_an_outage(database: Database) -> None:
    record = make_study(database)
    queue = trial_queue(record)
    elsewhere = Leases(database.engine, record.study_id, process_name(os.getppid()))
    elsewhere.take(CONFIRMATION, attempts=1)
    elsewhere.give_up(CONFIRMATION, attempts=1)  # a long outage
    database.patience = Patience(say=lambda _: None)
    database.patiently(fails(1, disk_trouble()))
    assert not queue.claim_confirmation()
    queue.release_confirmation()
    assert CONFIRMATION in elsewhere.all(), "what another holds is not this one's to give back"


@pytest.mark.parametrize("what", ["a trial", "the planning"])
def test_an_answer_that_is_lost_begins_no_second_trial(
    database: Database, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The lease is stored, and the disk fails before it could say so."""
    record, take_all, lost = make_study(database), Leases.take_all, list[int]()

    def take_and_fail(self: Leases, attempts: Mapping[int, int]) -> None:
        take_all(self, attempts)
        if not lost and (min(attempts) >= 0) == (what == "a trial"):
            lost.extend(attempts)
            raise disk_trouble()

    monkeypatch.setattr(Leases, "take_all", take_and_fail)
    database.patience = Patience(say=lambda _: None)
    queue = trial_queue(record, Slowly())
    trial = queue.next()
    assert trial is not None
    assert lost
    assert [t.state for t in record.load().trials] == [TrialState.RUNNING]
    assert queue.complete(trial, 1.0, {})


# A process that stands still.


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.storage.patience.QUIET_SECONDS", 0.0)
    monkeypatch.setattr("search.storage.sqlite.BUSY_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr("search.storage.postgres.LOCK_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr("search.storage.trial_queue.PLANNING_WAIT_SECONDS", 0.05)
    monkeypatch.setattr("search.storage.trial_queue.PLANNING_WAIT_BESIDE_TRIALS_SECONDS", 0.05)


@pytest.mark.usefixtures("quick")
def test_a_stopped_process_that_keeps_the_lock_is_named_and_waited_for(database: Database) -> None:
    record, said = make_study(database), list[str]()
    queue = trial_queue(record)
    with running(hold_the_lock, record) as (_, process_id):
        os.kill(process_id, signal.SIGSTOP)
        while psutil.Process(process_id).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)

        def told(text: str) -> None:
            said.append(text)
            kill(process_id)

        database.patience = Patience(limit_seconds=0.0, say=told)
        assert queue.next() is not None
    assert len(said) == 1
    assert f"process {process_id}, which is stopped (kill -CONT {process_id}" in said[0]


@pytest.mark.usefixtures("quick")
def test_leases_are_renewed_while_another_keeps_the_lock(database: Database) -> None:
    record = make_study(database)
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    leases = Leases(database.engine, record.study_id, "nobody")
    leases.give_up(trial.number, attempts=1)
    with running(hold_the_lock, record) as (_, process_id):

        def renew_and_end() -> None:
            queue.renew()
            assert leases.all()[trial.number].live
            kill(process_id)

        database.patience = Patience(say=lambda _: None, meanwhile=renew_and_end)
        assert queue.next() is not None
    assert leases.all()[trial.number].live


@pytest.mark.usefixtures("quick")
def test_who_stands_still_while_he_plans_stops_nobody(database: Database) -> None:
    record = make_study(database)
    queue, elsewhere = (
        trial_queue(record, Slowly()),
        Leases(database.engine, record.study_id, process_name(os.getppid())),
    )
    first = queue.next()
    assert first is not None
    elsewhere.take(PLANNING, attempts=1)
    assert queue.next() is None, "another plans"
    queue.hand_back(first.number)
    again = queue.next()
    assert again is not None, "what waits needs no plan"
    assert again.number == first.number
    assert queue.complete(again, 1.0, {})
    elsewhere.give_up(PLANNING, attempts=1)  # a minute later
    second = queue.next()
    assert second is not None
    assert second.number == 1


def test_who_trains_does_not_wait_long_for_another_who_plans(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.storage.trial_queue.PLANNING_WAIT_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr("search.storage.trial_queue.PLANNING_WAIT_BESIDE_TRIALS_SECONDS", 0.0)
    record = make_study(database)
    queue = trial_queue(record, Slowly())
    trial = next_one(queue)
    elsewhere = Leases(database.engine, record.study_id, process_name(os.getppid()))
    elsewhere.take(PLANNING, attempts=1)
    ended = threading.Thread(target=queue.next)
    ended.start()
    ended.join(PATIENCE_SECONDS / 2)
    assert not ended.is_alive(), "its results wait to be taken in"
    assert queue.complete(trial, 1.0, {})


def test_a_plan_may_take_longer_than_a_lease(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.storage.leases.LEASE_SECONDS", 0.4)
    monkeypatch.setattr("search.storage.leases.RENEW_SECONDS", 0.1)
    record = make_study(database)
    leases = Leases(database.engine, record.study_id, "nobody")

    def until_renewed() -> None:
        for number in (0, PLANNING):
            leases.give_up(number, attempts=1)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(lease.live for lease in leases.all().values()):
            assert time.monotonic() < deadline, "who plans loses its trials, and its turn"
            time.sleep(0.01)

    trained = next_one(trial_queue(record))
    planned = trial_queue(record, Slowly(until_renewed)).next()
    assert trained.number == 0
    assert planned is not None
    assert planned.number == 1


def test_a_plan_of_who_was_taken_for_gone_is_dropped(database: Database) -> None:
    record = make_study(database)
    elsewhere = Leases(database.engine, record.study_id, process_name(os.getppid()))
    queue = trial_queue(record, Slowly(lambda: elsewhere.take(PLANNING, attempts=1)))
    assert queue.next() is None
    assert record.load().trials == []


def test_a_plan_that_fails_leaves_the_turn_to_others(database: Database) -> None:
    record = make_study(database)

    def fail() -> None:
        raise ArithmeticError("singular")

    with pytest.raises(ArithmeticError, match="singular"):
        trial_queue(record, Slowly(fail)).next()
    assert Leases(database.engine, record.study_id, "nobody").all() == {}
