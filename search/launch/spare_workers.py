"""Worker processes that are ready before there is work: forks of a process that has imported what they need.

A worker that is spawned is a new Python, which takes seconds to import torch, Optuna and SQLAlchemy, as its
parent has done. A fork has all of that at once, and shares its memory. But only what is nothing more than
its imports can be forked: a process that has threads, a connection to a database or a GPU in use has to spawn
its workers. So the command forks them first of all, and hands each its task later. Elsewhere, as in a
person's own Python, none are made, and workers are spawned.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import signal
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from search.processes.cores import usable_cores
from search.processes.ending_signals import ending_signals, held_back
from search.worker.process import run_worker

_LATE_IMPORTS = (
    "alembic.command",
    "alembic.config",
    "alembic.migration",
    "alembic.script",
    "scipy.optimize",
    "search.training.population_trainer",
    "sqlalchemy.dialects.sqlite",
)
"""What every worker imports on its way, and its parent some of it."""


def n_spares(workers: int | None, gpus: Sequence[str] | None) -> int:
    """How many are of use before the study is known, which may need fewer."""
    return workers or (usable_cores() if gpus is None else len(gpus))


class SpareWorkers:
    """Processes that wait for a task. Use as a context manager: leaving ends those that were given none.

    Args:
        n: how many there are to be; on systems where a fork is not safe there are none.
    """

    def __init__(self, n: int) -> None:
        self._spares: list[tuple[BaseProcess, Connection]] = []
        if sys.platform != "linux":
            return
        for name in _LATE_IMPORTS:
            import_module(name)
        gc.collect()
        gc.freeze()  # a collection in a fork would copy the memory of all that it looks at
        for _ in range(n):
            self._spares.append(self._fork())

    def __enter__(self) -> SpareWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        for process, connection in self._spares:
            connection.close()
            process.join()
        self._spares.clear()

    def take(self) -> tuple[BaseProcess, Connection] | None:
        """One of them: it calls `run_worker` with the first that is sent to it. None where none is left."""
        return self._spares.pop(0) if self._spares else None

    def _fork(self) -> tuple[BaseProcess, Connection]:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        others = [*(connection for _, connection in self._spares), ours]
        process = context.Process(target=_work_when_told, args=(theirs, others), daemon=True)
        with held_back({signal.SIGINT, *ending_signals()}), warnings.catch_warnings():
            # The threads that Python sees here are of numpy's library, which ends them before a fork.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        theirs.close()
        return process, ours


def _work_when_told(connection: Connection, others: Sequence[Connection]) -> None:
    """The life of a spare worker.

    Args:
        connection: to the process that gives it a task, or is gone.
        others: the ends of that process, which this fork has too: while it has one of them open, a worker
            would not notice that the process is gone.
    """
    for other in others:
        other.close()
    for number in ending_signals():  # what they mean to the command they don't mean here
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ending_signals())
    with contextlib.suppress(EOFError, OSError):
        run_worker(connection.recv(), connection)
