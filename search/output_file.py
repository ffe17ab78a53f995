"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from search.errors import RunError, UsageError


def write_whole(path: Path, text: str) -> None:
    """Write `text` to `path`; on any failure what was there stays as it was.

    Raises:
        UsageError: `path` is a folder, lies in none, is no regular file, or is read-only.
        RunError: the disk is full, or the system refused for another reason.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise UsageError(f"-o {path}: is a folder; name a file in it.")
    if not target.parent.is_dir():
        raise UsageError(f"-o {path}: the folder {target.parent} does not exist.")
    if target.exists() and not target.is_file():
        # Renaming a file over it would remove the device or pipe itself, /dev/null for one.
        raise UsageError(f"-o {path}: is not a regular file; leave -o out to write to stdout.")
    if target.exists() and not _writable(target):
        raise UsageError(f"-o {path}: is read-only; remove it or choose another name.")
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    except OSError as error:
        raise RunError(f"-o {path}: can't be written ({error.strerror}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def _writable(path: Path) -> bool:
    """Whether its own mode lets anybody write it: root may overwrite all, and should not by accident."""
    return bool(path.stat().st_mode & 0o222) and os.access(path, os.W_OK)
