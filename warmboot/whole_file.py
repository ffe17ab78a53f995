"""Writing a file whole or not at all, and into a pipe or a device as it comes."""

import os
import re
import secrets
import stat
from pathlib import Path

_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}
_OPEN_ALREADY = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")  # a shell's >(...) is one


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write `content`, text as UTF-8, to `path`; on any failure what was there stays as it was.

    It goes to a file beside it, is synced, and takes its name. A link stays a link, a mode stays. A
    pipe or a device (`/dev/null`, `/dev/stdout`) is written to, and stays what it is.

    Raises:
        IsADirectoryError: `path` is a folder.
        PermissionError: it is read-only, for all users or for this one.
        OSError: it is a disk, the folder is missing, the disk is full, the pipe has no reader any
            more, or the system refused.
    """
    data = content.encode() if isinstance(content, str) else content
    stream = _stream(Path(path))
    if stream is None:
        _replace(Path(os.path.realpath(path)), data)
        return
    with open(stream, "wb") as opened:
        opened.write(data)


def check_place(path: str | os.PathLike[str]) -> None:
    """Refuse beforehand what `write_whole` would refuse as a place; raises as it does."""
    path = Path(path)
    is_open = str(path) in _STANDARD or _OPEN_ALREADY.fullmatch(str(path)) is not None
    if not is_open and (not path.exists() or path.is_file() or path.is_dir()):
        _check(Path(os.path.realpath(path)))


def _stream(path: Path) -> int | None:
    """A descriptor of what can only be written into; None for a file, there already or not."""
    open_already = _OPEN_ALREADY.fullmatch(str(path))
    number = int(open_already[1]) if open_already else _STANDARD.get(str(path))
    if number is not None:
        return os.dup(number)  # and not opened by name: others who write there would be written over
    if path.is_block_device():
        raise OSError(22, "is a disk, which is not written over; give another name", str(path))
    if not path.exists() or path.is_file() or path.is_dir():
        return None
    return os.open(path, os.O_WRONLY)


def _replace(target: Path, data: bytes) -> None:
    _check(target)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as stream:
            stream.write(data)
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
    # root may overwrite everything, and should not by accident
    if target.exists() and not (target.stat().st_mode & 0o222 and os.access(target, os.W_OK)):
        raise PermissionError(13, "is read-only; remove it or choose another name", str(target))
