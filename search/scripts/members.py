"""Which processes belong to a run: its first process, what that started, and what hid from both.

A script may start processes that outlive it, and a daemon leaves its parent's group, session and family. What
it hardly ever leaves is its environment, so a variable that only this run has finds it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections.abc import Iterable

import psutil

from search.processes.identity import is_gone, this_process

MARKER_VARIABLE = "WARMBOOT_PROCESS_GROUP"


def new_marker() -> str:
    """A value of the marker variable that no other run has; it names this process as the owner."""
    return f"{this_process()}:{secrets.token_hex(8)}"


def members(marker: str, leader: int) -> list[psutil.Process]:
    """The living processes of a run: marked, in the leader's session, or descended from such a one."""
    alive = {process.pid: process for process in _alive()}
    found = {pid for pid in alive if _session(pid) == leader or _marker(alive[pid]) == marker}
    while True:
        grown = found | {pid for pid in alive if _parent(alive[pid]) in found}
        if grown == found:
            return [alive[pid] for pid in sorted(found)]
        found = grown


def orphans() -> list[psutil.Process]:
    """The living processes of runs whose owner, a process of this service, is gone."""
    return [process for process in _alive() if _is_orphan(_marker(process))]


def send_signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Signal each that is still there; psutil makes sure that its number was not taken by another."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.send_signal(number)


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that has ended and waits for its parent to notice does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _alive() -> list[psutil.Process]:
    return [one for one in psutil.process_iter() if one.pid != os.getpid() and is_alive(one)]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def _marker(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARKER_VARIABLE)
    except (psutil.Error, OSError):  # another user's, or gone
        return None


def _is_orphan(marker: str | None) -> bool:
    return marker is not None and is_gone(marker.rpartition(":")[0])
