"""The thread that keeps a worker's promises keeps them while it has much else to do."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Hashable
from multiprocessing import Pipe
from typing import Any

import pytest
from optuna.trial import TrialState

from search.runs.events import Admitted, Event
from search.runs.run import Measurement
from search.storage.database import Database
from search.storage.plans import NextTrial
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from search.worker.storage_thread import StorageLoop
from search.worker.telling import notify
from tests.search_tests.studies import LINEAR, make_study, trial_queue

KEY = ("trial", 0)


class Flood(queue.SimpleQueue[Any]):
    """The events of one run: none until it was asked for, and then one whenever one is wanted."""

    taken = -1

    def get(self, block: bool = True, timeout: float | None = None) -> Event:
        self.taken += 1
        if self.taken == 0:
            raise queue.Empty
        if self.taken == 1:
            return Admitted(KEY, {"val_loss": 4.6})
        return Measurement(key=KEY, step=self.taken, metrics={"val_loss": 2.0}, last=False)

    def get_nowait(self) -> Event:
        return self.get()


def test_leases_are_renewed_and_stop_is_heard_between_the_events_of_a_flood(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.worker.storage_thread.RENEW_SECONDS", 0.0)  # to be renewed at every look
    record = make_study(database, total_steps=10**6)
    trials = trial_queue(record, lambda _: NextTrial(LINEAR, {}))
    stop, flood, renewed_at = threading.Event(), Flood(), list[int]()

    def renew() -> None:
        renewed_at.append(flood.taken)
        if flood.taken >= 20:
            stop.set()

    monkeypatch.setattr(trials, "renew", renew)
    keeper = StorageLoop(
        record,
        trials,
        slots=1,
        ready=queue.SimpleQueue(),
        events=flood,
        stop=stop,
        notify=lambda _: None,
    )
    assert keeper.work() == "handed back"
    assert renewed_at == list(range(21))
    assert trials.stored(0).state.name == "WAITING"


class Training(queue.SimpleQueue[Any]):
    """The events of runs that train to their end, one after another, as soon as they are asked for."""

    def __init__(self, ready: queue.SimpleQueue[Any], steps: int) -> None:
        self._ready, self._steps = ready, steps
        self._key: Hashable | None = None
        self.ended = 0

    def get(self, block: bool = True, timeout: float | None = None) -> Event:
        if self._key is None:
            self._key = self._ready.get_nowait().key
            return Admitted(self._key, {"val_loss": 4.6})
        key, self._key = self._key, None
        self.ended += 1
        return Measurement(key=key, step=self._steps, metrics={"val_loss": 2.0}, last=True)

    def get_nowait(self) -> Event:
        raise queue.Empty


def test_told_to_finish_it_begins_no_trial_and_ends_when_those_in_training_have(database: Database) -> None:
    record = make_study(database, early_stopping={"name": "none"})
    ready, finish = queue.SimpleQueue[Any](), threading.Event()
    events = Training(ready, steps=100)
    params = [{**LINEAR, "lr": 0.1 * (i + 1)} for i in range(8)]
    trials = trial_queue(record, lambda found: NextTrial(params[len(found)], {}))
    events_get = events.get

    def get(block: bool = True, timeout: float | None = None) -> Event:
        if events.ended == 2:
            finish.set()
        return events_get(block, timeout)

    events.get = get  # type: ignore[method-assign]
    keeper = StorageLoop(
        record,
        trials,
        slots=2,
        ready=ready,
        events=events,
        stop=threading.Event(),
        finish=finish,
        notify=lambda _: None,
    )
    assert keeper.work() == "handed back"
    states = Counter(trial.state.name for trial in record.load().get_trials())
    assert states["RUNNING"] == 0
    assert 3 <= states["COMPLETE"] < 8, "what was in training has ended, and no more was begun"
    assert events.ended == states["COMPLETE"]


class PutBack(Training):
    """A training in the midst of which trial 0 is put back, as another worker does with one whose lease is
    over, and that goes on when it has been taken up again."""

    def __init__(self, ready: queue.SimpleQueue[Any], trials: TrialQueue, record: StudyRecord) -> None:
        super().__init__(ready, steps=100)
        self._trials, self._record = trials, record
        self._put_back = False

    def get(self, block: bool = True, timeout: float | None = None) -> Event:
        trial = self._trials.stored(0) if self._record.load().trials else None
        if trial is not None and not self._put_back:
            self._record.database.storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
            self._put_back = True
        if trial is None or trial.state == TrialState.WAITING:
            raise queue.Empty
        return super().get(block, timeout)


def test_a_trial_that_was_put_back_while_its_worker_stood_still_trains_on_in_it(database: Database) -> None:
    record = make_study(database, early_stopping={"name": "none"}, n_trials=2, confirmation={"leaders": 0})
    trials = trial_queue(record, lambda found: NextTrial({**LINEAR, "lr": 0.1 * (len(found) + 1)}, {}))
    ready = queue.SimpleQueue[Any]()
    events = PutBack(ready, trials, record)
    keeper = StorageLoop(
        record,
        trials,
        slots=2,
        ready=ready,
        events=events,
        stop=threading.Event(),
        notify=lambda _: None,
    )
    assert keeper.work() == "done"
    assert [trial.state.name for trial in record.load().get_trials()] == ["COMPLETE", "COMPLETE"]
    assert events.ended == 2, "none is trained twice"


def test_a_parent_that_reads_nothing_is_not_waited_for() -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        for number in range(5_000):  # many times what the pipe holds
            notify(theirs, {"kind": "confirming", "done": number, "of": 5_000})
        assert ours.recv() == {"kind": "confirming", "done": 0, "of": 5_000}
