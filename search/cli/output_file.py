"""Write the output file of a command."""

from __future__ import annotations

from pathlib import Path

import warmboot.whole_file
from search.errors import RunError, UsageError


def write_whole(path: Path, content: str | bytes, *, option: str = "-o") -> None:
    """Write `content` to `path`, which `option` named; on any failure what was there stays as it was.

    Raises:
        UsageError: `path` is a folder, lies in none, or is read-only.
        RunError: the disk is full, the pipe has no reader, or the system refused for another reason.
    """
    try:
        warmboot.whole_file.write_whole(path, content)
    except (IsADirectoryError, FileNotFoundError, PermissionError) as error:
        raise UsageError(f"{option} {path}: {error.strerror}.") from error
    except OSError as error:
        raise RunError(f"{option} {path}: can't be written ({error.strerror}).") from error
