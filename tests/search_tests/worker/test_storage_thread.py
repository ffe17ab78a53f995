"""The thread that keeps a worker's promises keeps them while it has much else to do."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Hashable
from multiprocessing import Pipe
from typing import Any

import pytest

from search.runs.events import Admitted, Event
from search.runs.run import Measurement
from search.storage.database import Database
from search.storage.plans import NextTrial
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


def test_a_parent_that_reads_nothing_is_not_waited_for() -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        for number in range(5_000):  # many times what the pipe holds
            notify(theirs, {"kind": "confirming", "done": number, "of": 5_000})
        assert ours.recv() == {"kind": "confirming", "done": 0, "of": 5_000}
