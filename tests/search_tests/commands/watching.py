"""Waiting until a launch has come so far."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing

from optuna.trial import TrialState

from tests.search_tests.commands.warm_process import WarmCommand
from tests.search_tests.commands.workplace import Workplace
from tests.search_tests.patience import PATIENCE_SECONDS


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str] | WarmCommand) -> None:
    """Look again and again; a process that ends before fails the test."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None, f"ended too early: {_end_of(process)}"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _end_of(process: subprocess.Popen[str] | WarmCommand) -> object:
    if isinstance(process, WarmCommand):
        return process.result(PATIENCE_SECONDS)
    return process.communicate()


def states(workplace: Workplace) -> list[TrialState]:
    """Read with one SELECT: opening the storage anew each time would take half of a core from the launch."""
    address = f"file:{workplace.folder}/studies.db?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute("SELECT state FROM trials ORDER BY number").fetchall()
    except sqlite3.OperationalError:
        return []  # the study is not there yet
    return [TrialState[state] for (state,) in rows]


def under_way(workplace: Workplace, done: int = 3) -> Callable[[], bool]:
    """So many trials are done, and another is in training."""

    def condition() -> bool:
        now = states(workplace)
        return now.count(TrialState.COMPLETE) >= done and TrialState.RUNNING in now

    return condition
