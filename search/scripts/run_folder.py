"""`run_folder`: a folder for the files of one run, removed after it, by another process if need be.

The process that made it holds a lock on a file in it. The system releases the lock when that process ends, in
whatever way, so a folder whose lock is free is abandoned.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "warmboot-run-"
_LOCK = "owner.lock"


@contextlib.contextmanager
def run_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder in `parent`, or where the system keeps what is temporary."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Its own name comes after the lock: the file is never found unlocked while this process lives.
        unnamed = folder / f"{_LOCK}.new"
        with open(unnamed, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            unnamed.rename(folder / _LOCK)
            yield folder


def clear_left_folders(parent: Path | None = None) -> int:
    """Remove this user's folders of runs whose process is gone; how many there were."""
    left = [folder for folder in _folders(parent or Path(tempfile.gettempdir())) if _is_left(folder)]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def _folders(parent: Path) -> list[Path]:
    try:
        found = [Path(entry.path) for entry in os.scandir(parent) if entry.name.startswith(PREFIX)]
    except OSError:
        return []
    return found


def _is_left(folder: Path) -> bool:
    """Whether its lock is free; a folder of another user, or without a lock, is left alone."""
    try:
        if folder.is_symlink() or folder.stat().st_uid != os.getuid():
            return False
        with open(folder / _LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
