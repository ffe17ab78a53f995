"""Workers that wait for a task: tests for a process without threads; `test_spare_workers.py` has one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

from search.launch.spare_workers import SpareWorkers, n_spares
from search.launch.started_worker import start_here
from search.launch.worker_pool import WorkerPool
from search.worker.process import WorkerTask
from tests.search_tests.launch.test_worker_pool import is_deaf_to_ctrl_c

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")
_LONG_SECONDS = 60.0


def test_a_spare_works_on_what_it_is_told(tmp_path: Path) -> None:
    task = WorkerTask(f"sqlite:///{tmp_path}/missing/a.db", "study", "cpu")
    with SpareWorkers(1) as spares, WorkerPool([task], partial(start_here, spares=spares)) as pool:
        with pytest.raises(Exception, match="missing does not exist"):
            _hear_all(pool)
        assert spares.take() is None


def test_where_a_spare_is_gone_the_next_takes_its_task(tmp_path: Path) -> None:
    task = WorkerTask(f"sqlite:///{tmp_path}/missing/a.db", "study", "cpu")
    before = {child.pid for child in multiprocessing.active_children()}
    with SpareWorkers(2) as spares:
        first = min(
            (c for c in multiprocessing.active_children() if c.pid not in before),
            key=lambda child: child.pid or 0,
        )
        first.kill()
        first.join()
        with (
            WorkerPool([task], partial(start_here, spares=spares)) as pool,
            pytest.raises(Exception, match="missing does not exist"),
        ):
            _hear_all(pool)


def _hear_all(pool: WorkerPool) -> None:
    while pool.running:
        list(pool.messages(_LONG_SECONDS))


def test_each_ends_when_its_parent_lets_go_of_it_alone() -> None:
    """It does not wait for the others, which were forked while the parent held its end."""
    with SpareWorkers(3) as spares:
        process, connection = spares.take() or pytest.fail("there are three")
        connection.close()
        process.join(_LONG_SECONDS)
        assert process.exitcode == 0


def test_what_waits_is_deaf_to_ctrl_c_and_ends_by_sigterm() -> None:
    with SpareWorkers(1) as spares:
        process, connection = spares.take() or pytest.fail("there is one")
        assert process.pid is not None
        assert is_deaf_to_ctrl_c(process.pid)
        os.kill(process.pid, signal.SIGTERM)
        process.join(_LONG_SECONDS)
        assert process.exitcode == -signal.SIGTERM
        connection.close()
    assert not {signal.SIGINT, signal.SIGTERM} & signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_there_is_one_for_each_worker_that_is_asked_for() -> None:
    assert n_spares(3, None) == 3
    assert n_spares(None, ("0", "1")) == 2
    assert n_spares(None, None) >= 1
