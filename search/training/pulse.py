"""`Pulse`: whether a training thread moves on, for a watchdog that stands outside of its process.

What hangs in a training, a library's lock or a device that does not answer, may hold the interpreter, so that
no thread of its process can say so. So the process tells that it moves, and who started it notices when that
ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class Pulse:
    """Written by the training thread, read by another one."""

    def __init__(self) -> None:
        self._beats = self._has_moved = False
        self._rests = False

    def moved(self) -> None:
        """A piece of the training is done; from the first on it is watched."""
        self._beats = self._has_moved = True

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """Around a wait for something to train."""
        self._rests = True
        try:
            yield
        finally:
            self._rests = False
            self._has_moved = True

    def take(self) -> bool:
        """Whether it has moved since this was asked last, or has nothing to do, or is not watched."""
        moved, self._has_moved = self._has_moved, False
        return moved or self._rests or not self._beats
