"""`StudyCheckpoints`: the folders of a study's runs, each named by what the run is.

A run is its schedule, other parameters, seed and horizon, so whoever takes it up finds the same folder: a
later attempt of this worker, another worker, or another machine that shares the disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

LOCK = "in_use.lock"
MOST_RUNS = 1000
"""Folders of a study, those that a process has open left aside."""
NO_RUNS = ("kept", "extended")
"""Folders beside those of runs, see `kept_trials`."""
RECENT_SECONDS = 600.0
"""Populations do not hold what they write; so long after that they count as there."""


class StudyCheckpoints:
    """The folders of one study's runs; none is made before something is saved.

    Args:
        folder: of the study, see `search.checkpoints.place`.
        max_bytes: what the folders that no process has open may take together; the oldest goes first.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder, self._max_bytes = folder, max_bytes

    def of(self, run: str) -> Path:
        """The folder of a run, there or not."""
        return self.folder / run

    @contextlib.contextmanager
    def held(self, run: str) -> Iterator[Path | None]:
        """A run's folder for this process alone; None where another process has it.

        Afterwards it is left as it is; one in which nothing was saved is removed. One that can't be made is
        told all the same: who wants to save there hears of it.
        """
        folder: Path | None = self.of(run)
        assert folder is not None
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context(open(folder / LOCK, "a"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    folder = None
            yield folder
            if folder is not None:
                self._clear_unused(run)

    def _clear_unused(self, run: str) -> None:
        with contextlib.suppress(OSError):
            if os.listdir(self.of(run)) == [LOCK]:
                self.forget(run)

    def forget(self, run: str) -> None:
        """Remove all that was saved of a run that has its result."""
        shutil.rmtree(self.of(run), ignore_errors=True)
        with contextlib.suppress(OSError):  # others are there, or it is not
            self.folder.rmdir()

    def forget_all(self) -> None:
        """Remove what is saved of the study."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def make_room(self) -> list[str]:
        """Remove the oldest of the folders that nobody has open while those take too much; their runs."""
        closed = [folder for folder in self._runs() if not _is_open(folder)]
        removed: list[str] = []
        total_bytes = 0
        for count, folder in enumerate(sorted(closed, key=_touched, reverse=True), 1):
            total_bytes += _size_bytes(folder)
            if total_bytes > self._max_bytes or count > MOST_RUNS:
                removed.append(folder.name)
                self.forget(folder.name)
        return removed

    def _runs(self) -> list[Path]:
        try:
            return [each for each in self.folder.iterdir() if each.is_dir() and each.name not in NO_RUNS]
        except OSError:
            return []


def _files(folder: Path) -> Iterator[Path]:
    found = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return (file for file in found if file.name != LOCK)


def _size_bytes(folder: Path) -> int:
    total = 0
    for file in _files(folder):
        with contextlib.suppress(OSError):  # just removed
            total += file.lstat().st_size
    return total


def _touched(folder: Path) -> float:
    """When anything in it was written last."""
    found = 0.0
    for file in _files(folder):
        with contextlib.suppress(OSError):
            found = max(found, file.lstat().st_mtime)
    return found


def _is_open(folder: Path) -> bool:
    """Whether a process holds it, or wrote to it a moment ago, as populations do without holding it."""
    try:
        with open(folder / LOCK) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return time.time() - _touched(folder) < RECENT_SECONDS
    except OSError:
        return True
    return False
