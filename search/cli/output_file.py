"""Write the output file of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import warmboot.whole_file
from search.errors import RunError, UsageError


def write_whole(path: Path, content: str | bytes, *, option: str = "-o") -> None:
    """Write `content` to `path`, which `option` named; on any failure what was there stays as it was.

    Raises:
        UsageError: `path` is a folder, lies in none, or is read-only.
        RunError: the disk is full, the pipe has no reader, or the system refused for another reason.
    """
    with _worded(path, option):
        warmboot.whole_file.write_whole(path, content)


def check_place(path: Path, *, option: str = "-o") -> None:
    """Refuse a place that can't be written before long work for it begins; raises as `write_whole` does."""
    with _worded(path, option):
        warmboot.whole_file.check_place(path)


@contextmanager
def _worded(path: Path, option: str) -> Iterator[None]:
    try:
        yield
    except (IsADirectoryError, FileNotFoundError, PermissionError) as error:
        raise UsageError(f"{option} {path}: {error.strerror}.") from error
    except OSError as error:
        raise RunError(f"{option} {path}: can't be written ({error.strerror}).") from error
