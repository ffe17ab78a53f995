"""The holder of a lock, named to users who wait, so that they can continue a stopped process or end it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from search.processes.identity import is_stopped

SYSTEMS_LOCKS = Path("/proc/locks")
"""Linux: a line for each lock, as `1: FLOCK ADVISORY WRITE 4321 08:01:1234 0 EOF`; `->` marks who waits."""


def holder_of(paths: Iterable[Path]) -> str:
    """Holders of a lock for writing on one of these files, as far as this machine knows.

    >>> holder_of([Path("no such file")])
    'another process'
    """
    inodes = set()
    for path in paths:
        with contextlib.suppress(OSError):  # it is removed with the last who works on it, at any moment
            inodes.add(path.stat().st_ino)
    with contextlib.suppress(OSError):  # another system than Linux
        for line in SYSTEMS_LOCKS.read_text().splitlines():
            holder = _holder(line.split(), inodes)
            if holder is not None and holder != os.getpid():
                return process_text(holder)
    return "another process"


def process_text(process_id: int) -> str:
    """A process of this machine for a person: its number, and what to do where it stands still."""
    if is_stopped(process_id):
        return (
            f"process {process_id}, which is stopped (kill -CONT {process_id} continues it, "
            f"kill -KILL {process_id} ends it)"
        )
    return f"process {process_id}"


def _holder(words: list[str], inodes: set[int]) -> int | None:
    """The process of a line of `SYSTEMS_LOCKS`, where it holds one of these files for writing."""
    if "->" in words or "WRITE" not in words:
        return None
    at = words.index("WRITE")
    inode = int(words[at + 2].rpartition(":")[2])
    return int(words[at + 1]) if inode in inodes else None
