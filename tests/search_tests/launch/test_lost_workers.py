"""Workers that crash or hang, as the process that started them sees it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import pytest

from search.errors import RunError
from search.launch.started_worker import LocalWorker
from search.launch.worker_pool import WorkerPool
from search.storage.leases import this_owner
from search.worker.process import WorkerTask
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.storage.processes import CONTEXT

TASK = WorkerTask("sqlite:///nowhere.db", "small", "cpu")
Body = Callable[[Connection], None]


def crashes(_: Connection) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def is_killed(_: Connection) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(connection: Connection) -> None:
    connection.send({"kind": "moves"})
    time.sleep(PATIENCE_SECONDS)


def trains_and_crashes(connection: Connection) -> None:
    connection.send({"kind": "trained"})
    crashes(connection)


def ends(connection: Connection) -> None:
    connection.send({"kind": "end", "outcome": "done"})


@contextmanager
def pool(*bodies: Body) -> Iterator[tuple[WorkerPool, list[str]]]:
    """A pool of one worker, each of which does what it is told in place of training; how they crashed."""
    told, left = list[str](), list(bodies)

    def start(_: WorkerTask) -> LocalWorker:
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=begin, args=(left.pop(0), theirs), daemon=True)
        process.start()
        theirs.close()
        return LocalWorker(process, ours)

    with WorkerPool([TASK], start, lambda _name, how: told.append(how)) as made:
        yield made, told


def begin(body: Body, connection: Connection) -> None:
    connection.send({"kind": "begins", "owner": this_owner()})
    body(connection)


def said(of: WorkerPool) -> list[str]:
    """What a person hears until all have ended."""
    lines = list[str]()
    while of.running:
        lines += [message["text"] for message in of.messages(0.02) if message["kind"] == "lost"]
    return lines


def test_a_crash_is_told_apart_from_a_kill() -> None:
    with pool(crashes, is_killed, ends) as (workers, told):
        lines = said(workers)
    assert told == ["SIGSEGV"]
    assert lines == [
        "a worker process was lost (SIGSEGV); another takes its place and trains its trials one by one.",
        "a worker process was lost (exit code -9); another takes its place and its trials.",
    ]


def test_a_worker_that_hangs_is_ended_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.launch.worker_pool.HANG_SECONDS", 0.05)
    with pool(hangs, ends) as (workers, told):
        lines = said(workers)
    assert told == ["hung"]
    assert len(lines) == 1


def test_a_worker_that_somebody_has_stopped_does_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.launch.worker_pool.HANG_SECONDS", 0.05)
    monkeypatch.setattr("search.launch.worker_pool.stands_still", lambda _: True)
    with pool(hangs, ends) as (workers, told):
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            assert list(workers.messages(0.02)) == []
        assert workers.running
    assert told == []


def test_many_in_a_row_end_the_launch_and_a_training_that_ends_begins_the_count_anew() -> None:
    with (
        pool(*[crashes] * 3, trains_and_crashes, *[crashes] * 3) as (workers, told),
        pytest.raises(RunError, match=r"4 workers in a row ended unexpectedly \(the last SIGSEGV\)"),
    ):
        said(workers)
    assert told == ["SIGSEGV"] * 7
