"""The signals that ask a process of the service to end, besides Ctrl-C; and holding signals back."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable, Iterator

# Without a handler each of them ends a process on the spot: SIGHUP when its terminal is closed, SIGUSR1 and
# SIGUSR2 when a batch system gives warning that the time of a job is over, SIGXCPU when its CPU time is.
_NAMES = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU")


def ending_signals() -> tuple[signal.Signals, ...]:
    """Those to handle; one that this process was started to ignore, as `nohup` does with SIGHUP, is not."""
    known = [signal.Signals[name] for name in _NAMES if name in signal.Signals.__members__]
    return tuple(number for number in known if signal.getsignal(number) != signal.SIG_IGN)


@contextlib.contextmanager
def held_back(numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Signals that arrive inside wait for its end; a process that is started inside is deaf to them until it
    says what they mean there."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
