"""`train`: the two threads of a worker, of which one trains and the other talks to the database."""

from __future__ import annotations

import queue
import threading
from typing import Any

from search.training.trainers import TrainsRuns
from search.worker.storage_thread import Outcome, StorageLoop


def train(
    trainer: TrainsRuns, keeping: StorageThread, stop: threading.Event, over: threading.Event
) -> Outcome:
    """Train here, in the main thread, while the other thread talks to the database.

    Args:
        trainer: works until `stop` is set.
        keeping: the other thread.
        stop: ends both.
        over: set when nothing is trained any more.
    """
    keeping.start()
    try:
        trainer.train()
    finally:
        over.set()
        stop.set()
        keeping.join()
    return keeping.result()


class StorageThread(threading.Thread):
    """Runs the storage loop; when it ends, for whatever reason, training ends too."""

    def __init__(self, loop: StorageLoop, stop: threading.Event, ready: queue.SimpleQueue[Any]) -> None:
        super().__init__(name="storage")
        self._loop, self._stop_event, self._ready = loop, stop, ready
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._outcome = self._loop.work()
        except BaseException as error:
            self._error = error
        finally:
            self._stop_event.set()
            self._ready.put(None)

    def result(self) -> Outcome:
        if self._error is not None:
            raise self._error
        assert self._outcome is not None
        return self._outcome
