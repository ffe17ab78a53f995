"""The worker processes of one launch: started, listened to, replaced when lost, ended together."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Literal

from sqlalchemy.engine import make_url

from search.errors import RunError
from search.launch.spare_workers import SpareWorkers
from search.worker.failures import Streak, logs_command
from search.worker.process import WorkerTask, ctrl_c_held_back, main_left_alone, run_worker
from warmboot.service import call_as_service, pickled_call

MOST_LOST_WORKERS = 3
GRACE_SECONDS = 20.0


@dataclass
class _Worker:
    task: WorkerTask
    process: BaseProcess
    connection: Connection
    ended: bool = False


class WorkerPool:
    """A worker for each task, one at least, all of one study. Use as a context manager: leaving ends them.

    A worker that ends without a word was killed. Its trials are taken up by the others at once (see
    `search.storage.leases`), and it is replaced, a few times at most.

    Args:
        tasks: one for each worker.
        spares: that wait for a task; where they are too few the others are spawned.
    """

    def __init__(self, tasks: Sequence[WorkerTask], spares: SpareWorkers | None = None) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._spares = spares
        self._workers = [self._start(task) for task in tasks]
        self._lost = 0
        study = tasks[0]
        self._streak = Streak(logs_command(study.study_name, make_url(study.storage_address)))

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return any(not worker.ended for worker in self._workers)

    def messages(self, timeout_seconds: float) -> Iterator[dict[str, Any]]:
        """Messages of the workers, waiting at most so long for the first.

        Raises:
            RunError: a worker failed, too many were lost, or too many trainings in a row failed, whichever
                worker they were of.
        """
        by_connection = {w.connection: w for w in self._workers if not w.ended}
        for ready in wait(list(by_connection), timeout_seconds):
            worker = by_connection[ready]  # type: ignore[index]
            try:
                message: dict[str, Any] = worker.connection.recv()
            except (EOFError, OSError):
                self._replace(worker)
                yield {"kind": "lost", "exit_code": worker.process.exitcode}
                continue
            if message["kind"] == "end":
                self._end(worker)
                if message["outcome"] == "failed":
                    error = RunError(message["message"])
                    error.add_note(message["traceback"])  # seen with --debug
                    raise error
            yield message
            self._count(message)  # last: what raises was told of before

    def _count(self, message: dict[str, Any]) -> None:
        """Count the trainings that failed in a row, in all workers; the worker counts its own."""
        if message["kind"] == "trained":
            self._streak.trained()
        elif message["kind"] == "failed":
            self._streak.failed(message["reason"], message["text"])

    def tell(self, word: Literal["stop", "finish"]) -> None:
        """Have every worker end, without waiting for it: at once, or when what it trains has ended."""
        for worker in self._workers:
            if not worker.ended:
                _say(worker.connection, word)

    def stop(self) -> None:
        """Let every worker hand back what it has, and wait until all are gone."""
        self.tell("stop")
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            self._end(worker)

    def _start(self, task: WorkerTask) -> _Worker:
        while self._spares is not None and (spare := self._spares.take()):
            process, connection = spare
            with contextlib.suppress(OSError):  # it was killed while it waited
                connection.send(task)
                return _Worker(task, process, connection)
        return self._spawned(task)

    def _spawned(self, task: WorkerTask) -> _Worker:
        ours, theirs = self._context.Pipe()
        call = pickled_call(run_worker, task)
        process = self._context.Process(target=call_as_service, args=(call, theirs), daemon=True)
        with ctrl_c_held_back(), main_left_alone():
            process.start()
        theirs.close()
        return _Worker(task, process, ours)

    def _replace(self, worker: _Worker) -> None:
        worker.process.join()
        self._end(worker)
        self._lost += 1
        if self._lost > MOST_LOST_WORKERS:
            raise RunError(
                f"{self._lost} workers ended unexpectedly (the last with exit code "
                f"{worker.process.exitcode}; -9 is often a lack of memory). Results so far are kept; "
                "run the same command to resume."
            )
        self._workers.append(self._start(worker.task))

    def _end(self, worker: _Worker) -> None:
        if not worker.ended:
            worker.ended = True
            worker.connection.close()


def _say(connection: Connection, word: str) -> None:
    with contextlib.suppress(OSError):  # it may be gone already
        connection.send(word)
