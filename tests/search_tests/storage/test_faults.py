"""A fault at the k-th call of the database, for every k of a small study, and the study is as without one.

The worker's loop, its queue and its plan are the real ones; what trains is played in the same thread, so that
the calls are the same every time. A call is a statement that is not carried out, or a commit: one that is
not, and one that is while its answer is lost. Each fault has a fresh study. The suite tries every 29th k of
some 500, since all take minutes; `HYPOTHESIS_PROFILE=long` tries every k.
"""

from __future__ import annotations

import os
import queue
import sqlite3
import threading
from typing import Any

import psycopg
import pytest
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from search.early_stopping.pruners import build_pruner
from search.report.board import BoardKeeper
from search.results.study_hash import study_hash
from search.runs.events import Admitted
from search.runs.run import Measurement
from search.storage.database import Database
from search.storage.leases import Leases
from search.storage.patience import Patience
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from search.strategy.optuna_samplers import build_sampler
from search.training.runs import AnyRun
from search.worker.planner import make_plan
from search.worker.storage_thread import StorageLoop
from tests.search_tests.studies import make_study

N_TRIALS = 3
EVERY = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 29


class Faults:
    """Counts the calls of a database, and has one of them fail."""

    def __init__(self, engine: Engine) -> None:
        self.count, self.doomed = 0, 0
        self._is_file = engine.dialect.name == "sqlite"
        event.listen(engine, "before_cursor_execute", lambda *_: self._call())
        event.listen(engine, "commit", self._commit)

    def begin(self, doomed: int) -> None:
        """From now on the call of this number fails; 0: none."""
        self.count, self.doomed = 0, doomed

    def _call(self) -> None:
        self.count += 1
        if self.count == self.doomed:
            raise self._error()

    def _commit(self, connection: Connection) -> None:
        self._call()
        self.count += 1
        if self.count == self.doomed:  # it is stored, and that is never heard of
            assert connection.connection.dbapi_connection is not None
            connection.connection.dbapi_connection.commit()
            raise self._error()

    def _error(self) -> OperationalError:
        if self._is_file:
            failure = sqlite3.OperationalError("disk I/O error")
            failure.sqlite_errorname = "SQLITE_IOERR_FSYNC"
            return OperationalError("", {}, failure)
        return OperationalError("", {}, psycopg.errors.AdminShutdown("terminating connection"))


class Played(queue.SimpleQueue[Any]):
    """Takes runs, and has trained each before it is asked for."""

    def __init__(self, events: queue.SimpleQueue[Any]) -> None:
        self._events = events

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        run: AnyRun = item
        self._events.put(Admitted(run.key, {"val_loss": 4.0}))
        for step in run.report_steps:
            loss = 2.0 + 1.0 / (step + run.key[1])  # type: ignore[index]
            last = step == run.total_steps
            self._events.put(Measurement(key=run.key, step=step, metrics={"val_loss": loss}, last=last))


def work(record: StudyRecord) -> None:
    """A worker, from its first look at the study until that is done."""
    events = queue.SimpleQueue[Any]()
    spec = record.spec
    trials = TrialQueue(
        record, build_sampler(spec.sampler, 1), make_plan(record), build_pruner(spec.early_stopping)
    )
    loop = StorageLoop(
        record,
        trials,
        slots=1,
        ready=Played(events),
        events=events,
        stop=threading.Event(),
        notify=lambda _: None,
    )
    assert loop.work() == "done"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses; and nothing is drawn for the dashboard, which is tried elsewhere."""
    monkeypatch.setattr("search.storage.patience.FIRST_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr("search.worker.storage_thread.EVENT_WAIT_SECONDS", 0.001)
    monkeypatch.setattr("search.worker.storage_thread.POLL_SECONDS", 0.001)
    for name in ("look", "refresh", "last_look"):
        monkeypatch.setattr(BoardKeeper, name, lambda _: None)


def new_study(database: Database, number: int) -> StudyRecord:
    return make_study(
        database,
        name=f"small-{number}",
        n_trials=N_TRIALS,
        sampler={"name": "random"},
        population={"slots": 1},
        confirmation={"leaders": 0},
    )


def trials_of(record: StudyRecord) -> list[FrozenTrial]:
    return record.load().get_trials(deepcopy=False)


def test_whatever_call_fails_the_study_is_the_one_without_a_fault(database: Database) -> None:
    said = list[str]()
    database.patience = Patience(say=said.append)
    faults = Faults(database.engine)
    whole = new_study(database, 0)
    faults.begin(0)
    work(whole)
    n_calls, wanted = faults.count, study_hash(trials_of(whole))
    assert n_calls > 100
    hit = 0
    tried = range(1, n_calls + 1, EVERY)
    for doomed in tried:
        faults.begin(0)
        record = new_study(database, doomed)
        faults.begin(doomed)
        work(record)
        hit += faults.count >= doomed
        faults.begin(0)
        trials = trials_of(record)
        assert [trial.state for trial in trials] == [TrialState.COMPLETE] * N_TRIALS, doomed
        assert study_hash(trials) == wanted, f"the fault at call {doomed} has changed the study"
        leases = Leases(database.engine, record.study_id, "nobody").all()
        assert not [number for number in leases if number >= 0], doomed
    assert hit == len(tried)
    assert said
