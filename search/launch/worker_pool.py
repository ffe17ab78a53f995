"""The workers of one launch: started, listened to, replaced when lost, ended together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from sqlalchemy.engine import make_url

from search.errors import RunError
from search.launch.crashes import crash_of
from search.launch.started_worker import StartedWorker, StartWorker, Word, start_here
from search.processes.identity import stands_still
from search.scripts.launcher import rose
from search.scripts.out_of_memory import count_oom_kills
from search.scripts.script_run import SAVING_GRACE_SECONDS
from search.spec.proxy import DEFAULT_SILENCE_SECONDS, DeclaredProxy
from search.spec.study import StudySpec
from search.worker.failures import Streak, logs_command
from search.worker.process import WorkerTask

MOST_LOST_WORKERS = 3
"""In a row, without the end of a training among them."""
HANG_SECONDS = DEFAULT_SILENCE_SECONDS
"""After so long without a step a training in a worker counts as hanging, as a script does by default."""
LONGEST_LOOK_SECONDS = 5.0
"""More than this between two looks says that this process stood still, not the workers."""
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
    name: str = ""
    """As it has told it: that under which it leases."""
    hung: bool = False
    still_seconds: float | None = None
    """How long its training has not moved; None: it does not train."""


class WorkerPool:
    """A worker for each task, one at least, all of one study. Use as a context manager: leaving ends them.

    A worker that ends without a word was killed, or crashed. Its trials are taken up by the others at once
    (see `search.storage.leases`), and it is replaced, a few times in a row at most. One that hangs is ended.

    Args:
        tasks: one for each worker.
        start: begins a worker, here or elsewhere.
        crashed: told the name of each worker that crashed, and how, before another takes its place.
        grace_seconds: how long they may take to end; then they are killed.
    """

    def __init__(
        self,
        tasks: Sequence[WorkerTask],
        start: StartWorker = start_here,
        crashed: Callable[[str, str], None] = lambda _name, _how: None,
        *,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._start, self._crashed, self._grace_seconds = start, crashed, grace_seconds
        self._oom_kills = count_oom_kills()
        self._looked_at = time.monotonic()
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
        self._end_hanging()
        by_connection = {w.started.connection: w for w in self._workers if not w.ended}
        for ready in wait(list(by_connection), timeout_seconds):
            worker = by_connection[ready]  # type: ignore[index]
            try:
                message: dict[str, Any] = worker.started.connection.recv()
            except (EOFError, OSError):
                yield {"kind": "lost", "text": self._replace(worker)}
                continue
            if message["kind"] == "begins":
                worker.name = message["owner"]
                continue
            if message["kind"] == "moves":
                worker.still_seconds = 0.0
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
            self._lost = 0
            self._streak.trained()
        elif message["kind"] == "failed":
            self._lost = 0  # it is the streak's affair
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

    def _replace(self, worker: _Worker) -> str:
        """Start another in its place; what a person is told."""
        worker.started.gone_within(GRACE_SECONDS)  # one that hangs in the kernel may stay
        self._end(worker)
        before, self._oom_kills = self._oom_kills, count_oom_kills()
        code = worker.started.exit_code
        how = "hung" if worker.hung else crash_of(code, oom_killed=rose(before, self._oom_kills))
        if how is not None and worker.name:
            self._crashed(worker.name, how)
        self._lost += 1
        if self._lost > MOST_LOST_WORKERS:
            last = how or f"with exit code {code}; -9 is often a lack of memory"
            raise RunError(
                f"{self._lost} workers in a row ended unexpectedly (the last {last}). Results so far are "
                "kept; run the same command to resume."
            )
        self.add([worker.task])
        if how is None:
            return f"a worker process was lost (exit code {code}); another takes its place and its trials."
        return f"a worker process was lost ({how}); another takes its place and trains its trials one by one."

    def _end_hanging(self) -> None:
        """Kill workers whose training has not moved for too long; that they are gone shows later."""
        now = time.monotonic()
        passed, self._looked_at = min(now - self._looked_at, LONGEST_LOOK_SECONDS), now
        for worker in self._workers:
            if worker.ended or worker.hung or worker.still_seconds is None or worker.started.waits:
                continue
            worker.still_seconds += passed
            if worker.still_seconds > HANG_SECONDS:
                worker.still_seconds = 0.0
                worker.hung = not stands_still(worker.name)
                if worker.hung:
                    worker.started.kill()

    def _end(self, worker: _Worker) -> None:
        if not worker.ended:
            worker.ended = True
            worker.started.connection.close()
