"""The thread that keeps a worker's promises keeps them while it has much else to do."""

from __future__ import annotations

import queue
import threading
from multiprocessing import Pipe
from typing import Any

import pytest

from search.runs.events import Admitted, Event
from search.runs.run import Measurement
from search.storage.database import Database
from search.storage.plans import NextTrial
from search.worker.process import notify
from search.worker.storage_thread import StorageLoop
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


def test_a_parent_that_reads_nothing_is_not_waited_for() -> None:
    ours, theirs = Pipe()
    with ours, theirs:
        for number in range(5_000):  # many times what the pipe holds
            notify(theirs, {"kind": "confirming", "done": number, "of": 5_000})
        assert ours.recv() == {"kind": "confirming", "done": 0, "of": 5_000}
