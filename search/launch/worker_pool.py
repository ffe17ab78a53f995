"""The workers of one launch: started, listened to, replaced when lost, ended together."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from sqlalchemy.engine import make_url

from search.errors import RunError
from search.launch.started_worker import StartedWorker, StartWorker, Word, start_here
from search.scripts.script_run import SAVING_GRACE_SECONDS
from search.spec.proxy import DeclaredProxy
from search.spec.study import StudySpec
from search.worker.failures import Streak, logs_command
from search.worker.process import WorkerTask

MOST_LOST_WORKERS = 3
GRACE_SECONDS = 20.0
"""How long workers may take to end, besides what their scripts may take to save."""


def grace_seconds_for(spec: StudySpec) -> float:
    """How long the workers of a study may take to end."""
    if isinstance(spec.proxy, DeclaredProxy):
        return GRACE_SECONDS
    return GRACE_SECONDS + (spec.proxy.stop_grace or SAVING_GRACE_SECONDS)


@dataclass
class _Worker:
    task: WorkerTask
    started: StartedWorker
    ended: bool = False


class WorkerPool:
    """A worker for each task, one at least, all of one study. Use as a context manager: leaving ends them.

    A worker that ends without a word was killed. Its trials are taken up by the others at once (see
    `search.storage.leases`), and it is replaced, a few times at most.

    Args:
        tasks: one for each worker.
        start: begins a worker, here or elsewhere.
        grace_seconds: how long they may take to end; then they are killed.
    """

    def __init__(
        self,
        tasks: Sequence[WorkerTask],
        start: StartWorker = start_here,
        *,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._start, self._grace_seconds = start, grace_seconds
        self._workers: list[_Worker] = []
        self.add(tasks)
        self._lost = 0
        study = tasks[0]
        self._streak = Streak(logs_command(study.study_name, make_url(study.storage_address)))

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return bool(self.size)

    @property
    def size(self) -> int:
        """How many there are that have not ended."""
        return sum(not worker.ended for worker in self._workers)

    @property
    def only_waits(self) -> bool:
        """Whether none that has not ended has a machine at present."""
        return all(worker.ended or worker.started.waits for worker in self._workers)

    def add(self, tasks: Sequence[WorkerTask]) -> None:
        """Start more of them."""
        for task in tasks:
            self._workers.append(_Worker(task, self._start(task)))

    def messages(self, timeout_seconds: float) -> Iterator[dict[str, Any]]:
        """Messages of the workers, waiting at most so long for the first.

        Raises:
            RunError: a worker failed, too many were lost, or too many trainings in a row failed, whichever
                worker they were of.
        """
        by_connection = {w.started.connection: w for w in self._workers if not w.ended}
        for ready in wait(list(by_connection), timeout_seconds):
            worker = by_connection[ready]  # type: ignore[index]
            try:
                message: dict[str, Any] = worker.started.connection.recv()
            except (EOFError, OSError):
                self._replace(worker)
                yield {"kind": "lost", "exit_code": worker.started.exit_code}
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

    def tell(self, word: Word) -> None:
        """Have every worker end, without waiting for it: at once, or when what it trains has ended."""
        for worker in self._workers:
            if not worker.ended:
                worker.started.tell(word)

    def stop(self) -> None:
        """Let every worker hand back what it has, and wait until all are gone."""
        self.tell("stop")
        deadline = time.monotonic() + self._grace_seconds
        for worker in self._workers:
            if not worker.started.gone_within(max(0.0, deadline - time.monotonic())):
                worker.started.kill()
            self._end(worker)

    def _replace(self, worker: _Worker) -> None:
        worker.started.gone_within(None)
        self._end(worker)
        self._lost += 1
        if self._lost > MOST_LOST_WORKERS:
            raise RunError(
                f"{self._lost} workers ended unexpectedly (the last with exit code "
                f"{worker.started.exit_code}; -9 is often a lack of memory). Results so far are kept; "
                "run the same command to resume."
            )
        self.add([worker.task])

    def _end(self, worker: _Worker) -> None:
        if not worker.ended:
            worker.ended = True
            worker.started.connection.close()
