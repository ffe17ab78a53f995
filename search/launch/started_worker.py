"""A worker that was started, wherever: what a `WorkerPool` needs of it, and the one of this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Literal, Protocol

from search.launch.spare_workers import SpareWorkers
from search.worker.process import WorkerTask, ctrl_c_held_back, run_worker
from warmboot.service import pickled_call
from warmboot.service_process import spawned

Word = Literal["stop", "finish"]
"""End at once, or when what is trained has ended."""


class StartedWorker(Protocol):
    """Its messages come through `connection`, which ends when it is gone."""

    connection: Connection

    @property
    def exit_code(self) -> int | None:
        """Of its process; None where that is not known, or not over."""

    @property
    def waits(self) -> bool:
        """Whether it has no machine at present, and so trains nothing."""

    def tell(self, word: Word) -> None:
        """Have it end; nothing happens where it has."""

    def gone_within(self, seconds: float | None) -> bool:
        """Wait so long for its end, or as long as it takes; whether it has ended."""

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""


StartWorker = Callable[[WorkerTask], StartedWorker]


class LocalWorker:
    """A process of this machine."""

    def __init__(self, process: BaseProcess, connection: Connection) -> None:
        self._process, self.connection = process, connection

    @property
    def exit_code(self) -> int | None:
        return self._process.exitcode

    @property
    def waits(self) -> bool:
        return False

    def tell(self, word: Word) -> None:
        with contextlib.suppress(OSError):  # it may be gone already
            self.connection.send(word)

    def gone_within(self, seconds: float | None) -> bool:
        self._process.join(seconds)
        return not self._process.is_alive()

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def start_here(task: WorkerTask, spares: SpareWorkers | None = None) -> LocalWorker:
    """A worker on this machine: a spare one where there are any, else a new process."""
    while spares is not None and (spare := spares.take()):
        process, connection = spare
        with contextlib.suppress(OSError):  # it was killed while it waited
            connection.send(task)
            return LocalWorker(process, connection)
    with ctrl_c_held_back():
        return LocalWorker(*spawned(pickled_call(run_worker, task)))
