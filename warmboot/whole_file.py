"""Writing a file whole or not at all."""

import os
import secrets
import stat
from pathlib import Path


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path`; on any failure what was there stays as it was.

    The text goes to a file beside it, is synced, and takes its name. A link stays a link, a mode stays.

    Raises:
        IsADirectoryError: `path` is a folder.
        PermissionError: it is read-only, for everybody or for this user.
        OSError: it is no regular file, the folder is missing, the disk is full, or the system refused.
    """
    target = Path(os.path.realpath(path))
    _check(target)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _check(target: Path) -> None:
    if target.is_dir():
        raise IsADirectoryError(21, "is a folder; name a file in it", str(target))
    if not target.parent.is_dir():
        raise FileNotFoundError(2, f"the folder {target.parent} does not exist", str(target))
    if not target.exists():
        return
    if not target.is_file():  # a device or pipe must not be replaced by a file
        raise OSError(22, "is not a regular file; give another name", str(target))
    # root may overwrite everything, and should not by accident
    if not (target.stat().st_mode & 0o222 and os.access(target, os.W_OK)):
        raise PermissionError(13, "is read-only; remove it or choose another name", str(target))
