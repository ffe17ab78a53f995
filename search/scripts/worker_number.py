"""Numbers and ports for the processes of one machine that start scripts, different for each.

Two scripts at once must not write to one cache folder, nor listen at one port, as two launchers of
distributed training would that both take the same one by default.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import itertools
import os
import socket
import sys
import tempfile
from pathlib import Path

VARIABLE = "WARMBOOT_WORKER"
# Below the ports that systems hand out to programs that ask for any, and mostly unused.
FIRST_PORT, LAST_PORT = 21_000, 32_000
PORTS_EACH = 16  # one may be in use for minutes after its script has ended

_held: list[object] = []  # what holds this process's number, until it ends


@functools.cache
def worker_number() -> int:
    """The least number, from 0, that no other process of this machine has; this one's until it ends."""
    for number in itertools.count():
        with contextlib.suppress(OSError):
            _held.append(_claimed(number))
            return number
    raise AssertionError("numbers do not end")


def free_port() -> int:
    """A TCP port that is free, and that no other process's scripts are given."""
    first = FIRST_PORT + PORTS_EACH * worker_number()
    for port in range(first, min(first + PORTS_EACH, LAST_PORT)):
        with contextlib.suppress(OSError):
            return _bound(port)
    return _bound(0)  # any


def _claimed(number: int) -> object:
    """The lock that holds the number; raises `OSError` if another process has it.

    The system frees it when its process ends. On Linux it is a name in the abstract, which needs no folder
    and is one for all that share a network, as ports are.
    """
    if sys.platform != "linux":
        return _locked(Path(tempfile.gettempdir()) / f"warmboot-worker-{os.getuid()}-{number}")
    held = socket.socket(socket.AF_UNIX)
    try:
        held.bind(f"\0warmboot-worker-{number}")
    except OSError:
        held.close()
        raise
    return held


def _locked(path: Path) -> object:
    held = open(path, "a")  # noqa: SIM115 - it stays open
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        raise
    return held


def _bound(port: int) -> int:
    """The port, if it can be bound now."""
    with socket.socket() as probe:
        probe.bind(("", port))
        return int(probe.getsockname()[1])
