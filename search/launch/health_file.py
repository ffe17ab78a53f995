"""`HealthFile`: a file that is as fresh as its worker is alive, for who restarts workers that hang.

Its age alone tells that the worker lives: it is written every few seconds, also while the worker waits for a
study or for a database that is away, for neither of which a restart would help.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from search.errors import UsageError

EVERY_SECONDS = 5.0


class HealthFile:
    """Written whole, at most every `EVERY_SECONDS`; gone with the worker that ends in order.

    Args:
        path: where; None: nowhere.

    Raises:
        UsageError: it can't be written.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._due_at = 0.0
        try:
            self._write("starting", ())
        except OSError as error:
            reason = error.strerror or error
            raise UsageError(
                f"--health-file: {path} can't be written ({reason}); name another file."
            ) from error

    def beat(self, state: str, studies: Sequence[str] = ()) -> None:
        """Say that the worker lives, and what it does; a disk that is full now is tried again later."""
        if time.monotonic() < self._due_at:
            return
        with contextlib.suppress(OSError):
            self._write(state, studies)

    def remove(self) -> None:
        """The worker ends."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _write(self, state: str, studies: Sequence[str]) -> None:
        self._due_at = time.monotonic() + EVERY_SECONDS
        if self._path is None:
            return
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        facts = {"time": now, "pid": os.getpid(), "state": state, "studies": list(studies)}
        new = self._path.with_name(f"{self._path.name}.new")
        new.write_text(json.dumps(facts) + "\n", encoding="utf-8")
        new.replace(self._path)
