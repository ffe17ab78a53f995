"""`DrawnOn`: a terminal on which something is drawn in place, kept from tearing it when Ctrl-C is pressed.

A terminal echoes "^C" where the cursor is, and throws away what it had not shown yet. Then what was drawn is
no longer where the eraser believes it to be, and half a border stays. While something is drawn, it
does neither.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import IO, Any

from search.processes.ending_signals import ending_signals

try:
    import termios
except ImportError:  # not on Windows, where there is nothing to set
    termios = None  # type: ignore[assignment]

_LOCAL_FLAGS = 3


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """A signal that ends this process waits until what is drawn inside is whole.

    Half a drawing is worse than none: erasing it counts the lines of all of it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ending_signals())}
    handled = {number: handler for number, handler in before.items() if callable(handler)}
    for ending in handled:
        signal.signal(ending, note)
    try:
        yield
    finally:
        for ending, handler in handled.items():
            signal.signal(ending, handler)
        for number in came:
            signal.raise_signal(number)


class DrawnOn:
    """A stream, that may be a terminal; `end` puts it back as it was."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._before: list[Any] | None = None

    def begin(self) -> None:
        """From now on Ctrl-C shows nothing and discards nothing."""
        if termios is None or not self._stream.isatty():
            return
        with contextlib.suppress(termios.error, OSError, ValueError):
            self._before = termios.tcgetattr(self._stream.fileno())
            changed = list(self._before)
            changed[_LOCAL_FLAGS] = (changed[_LOCAL_FLAGS] | termios.NOFLSH) & ~termios.ECHOCTL
            termios.tcsetattr(self._stream.fileno(), termios.TCSANOW, changed)

    def end(self) -> None:
        """As it was before `begin`; nothing happens where that changed nothing."""
        if self._before is not None:
            with contextlib.suppress(termios.error, OSError, ValueError):
                termios.tcsetattr(self._stream.fileno(), termios.TCSANOW, self._before)
            self._before = None
