"""Which process is meant: a name that no other process has, on whatever machine, whenever it was started.

Numbers of processes are given out again, and the time at which one was started moves when the clock is set.
So a process is named by its number, by when it was started in ticks since the machine was, and by the
machine: its host name, which of its runs from start to end this is, and where containers share both, the
numbering of processes.
"""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path

import psutil

_STARTED_FIELD = 19  # of /proc/PID/stat, counted from the state, which follows the program's name
_CLOCK_TOLERANCE_SECONDS = 2.0


@functools.cache
def boot_id() -> str:
    """Name of this boot of the machine; empty if the system gives none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def this_process() -> str:
    """The name of this process: machine, number and start, with bars between."""
    return process_name(os.getpid())


def process_name(pid: int) -> str:
    """The name of a running process of this machine."""
    started = _started(pid) if _is_linux() else f"{psutil.Process(pid).create_time():.2f}"
    return f"{_machine()}|{pid}|{started}"


def shown_process(name: str) -> str:
    """A process for a person, by its name.

    >>> shown_process("lab1/0ff6d0c1-77/4026531836|77|1700000000.00")
    'process 77 on lab1'
    """
    machine, pid, _ = name.rsplit("|", 2)
    return f"process {pid} on {machine.partition('/')[0]}"


def is_gone(name: str) -> bool:
    """Whether a process of this machine has ended, its number perhaps given to another.

    Of another machine nothing is known here: none of its processes counts as gone, and neither does a name
    that this version does not read.
    """
    parts = name.rsplit("|", 2)
    if len(parts) < 3:
        return False
    machine, pid, started = parts
    if machine != _machine() or not pid.isdecimal():
        return False
    if not _is_linux():
        return _is_gone_elsewhere(int(pid), float(started))
    now = _started(int(pid))
    return not _is_hidden(int(pid)) if now is None else now != started


def is_stopped(pid: int) -> bool:
    """Whether a process of this machine stands still because somebody has stopped it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def stands_still(name: str) -> bool:
    """Whether a process is one of this machine that somebody has stopped, by its name."""
    machine, _, pid = name.rpartition("|")[0].rpartition("|")
    return machine == _machine() and pid.isdecimal() and is_stopped(int(pid))


def is_of_this_boot(name: str) -> bool:
    """Whether a process was started since this machine was, in whatever container; False if not known."""
    return bool(boot_id()) and f"/{boot_id()}/" in name


def _started(pid: int) -> str | None:
    """Ticks from the start of the machine to that of a process; None for one that has ended, or is hidden."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in ("Z", "X") else fields[_STARTED_FIELD - 1]


def _is_hidden(pid: int) -> bool:
    """Whether it runs although the system does not show it, as another user's where /proc is closed."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return not os.path.exists(f"/proc/{pid}/stat")
    except OSError:
        return False
    return False


def _is_gone_elsewhere(pid: int, started: float) -> bool:
    """Whether the process is gone, on systems where only the clock gives its start, and may be set."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(process.create_time() - started) > _CLOCK_TOLERANCE_SECONDS
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


@functools.cache
def _is_linux() -> bool:
    return os.path.exists("/proc/self/stat")


@functools.cache
def _machine() -> str:
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return f"{socket.gethostname()}/{boot_id()}/{namespace}"
