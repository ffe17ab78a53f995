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
    return [TrialState[state] for state in _column(workplace, "SELECT state FROM trials ORDER BY number")]


def at_work(workplace: Workplace) -> set[int]:
    """The processes that hold the lease of a trial."""
    owners = _column(workplace, "SELECT owner FROM warmboot_leases WHERE study_id > 0 AND number >= 0")
    return {int(owner.split("|")[1]) for owner in owners}


def _column(workplace: Workplace, statement: str) -> list[str]:
    address = f"file:{workplace.folder}/studies.db?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            return [value for (value,) in connection.execute(statement)]
    except sqlite3.OperationalError:
        return []  # the study is not there yet


def under_way(workplace: Workplace, done: int = 3) -> Callable[[], bool]:
    """So many trials are done, and another is in training."""

    def condition() -> bool:
        now = states(workplace)
        return now.count(TrialState.COMPLETE) >= done and TrialState.RUNNING in now

    return condition
