"""`BoundedLog`: what a process prints, in a file that a person can follow and that never grows too large."""

from __future__ import annotations

import contextlib
from pathlib import Path

from search.scripts.printed_text import printed_text

LARGEST_LOG_BYTES = 1_000_000
TAIL_BYTES = 4096


class BoundedLog:
    """A file that keeps the last of what is written to it: `largest_bytes / 2` or more.

    What can't be written, as where the disk is full, is missing from the file; `tail` has it.
    """

    def __init__(self, path: Path, *, largest_bytes: int = LARGEST_LOG_BYTES) -> None:
        self._path, self._largest_bytes = path, largest_bytes
        self._size = 0
        self._tail = b""
        path.touch()

    def write(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-TAIL_BYTES:]
        with contextlib.suppress(OSError):  # a training is not lost for what it printed
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        data = data[-self._largest_bytes :]
        if self._size + len(data) > self._largest_bytes:
            kept = (self._path.read_bytes() + data)[-self._largest_bytes // 2 :]
            self._path.write_bytes(kept)
            self._size = len(kept)
            return
        with open(self._path, "ab") as stream:
            stream.write(data)
        self._size += len(data)

    def text(self) -> str:
        """All that is kept, as `tail` gives its end."""
        return _readable(self._path.read_bytes())

    def tail(self) -> str:
        """The last 4 KB as text; a line that is cut, and progress bars' overwritten states, are left out."""
        text = _readable(self._tail)
        return text.split("\n", 1)[1] if len(self._tail) == TAIL_BYTES and "\n" in text[:-1] else text


def _readable(data: bytes) -> str:
    text = printed_text(data)
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")).strip("\n")
