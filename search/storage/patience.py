"""Patience: what the database can't do now is tried again, with a growing pause, until it can.

A server restarts, a disk fills, another process keeps a lock for too long. None of it is a reason to throw
trainings away: the caller waits, says so once, and continues where it was. What is tried again is always a
whole unit (one call of the storage, or everything that happens under one lock), so it may be done twice, and
is written so that twice is as good as once.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from search.durations import duration_text
from search.errors import RunError
from search.messages import Say

LOOKING_SECONDS = 60.0
"""How long a command waits that only looks, or that has just begun; as long as a lease lives."""
HOLDING_SECONDS = 3600.0
"""How long a process waits that holds the results of trainings."""
QUIET_SECONDS = 10.0
"""How long a lock that is kept is no news."""
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0

T = TypeVar("T")


class StorageAwayError(RunError):
    """The storage could not be used for longer than its user is patient, or than it was allowed to wait."""


@dataclass(frozen=True)
class Trouble:
    """Why the storage can't be used now, though it will be again."""

    text: str
    """One line that names the storage and what is the matter."""
    ends: bool = True
    """Whether patience with it has an end; who keeps a lock is waited for as long as it is there."""
    quiet_seconds: float = 0.0
    """How long it is no news."""
    over: str = ""
    """What is said once it is over; empty: nothing is."""


class LockHeldError(RunError):
    """Another process has kept a lock for longer than a moment; the message says which lock."""

    @property
    def trouble(self) -> Trouble:
        """Waited for without end, and told once it lasts."""
        return Trouble(str(self), ends=False, quiet_seconds=QUIET_SECONDS)


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _nothing() -> None:
    pass


@dataclass
class Patience:
    """How a process waits.

    Attributes:
        limit_seconds: for how long at most; infinite: for ever.
        say: told one line for each trouble.
        stop: ends the waiting.
        meanwhile: done now and then while waiting, as to renew leases while another keeps the lock.
    """

    limit_seconds: float = LOOKING_SECONDS
    say: Say = _print
    stop: threading.Event = field(default_factory=threading.Event)
    meanwhile: Callable[[], None] = _nothing

    def limit_text(self) -> str:
        """As in "trying again for up to 60 s"."""
        if math.isinf(self.limit_seconds):
            return "trying again until it is back"
        return f"trying again for up to {duration_text(self.limit_seconds)}"


class Trier:
    """Tries again for one database. Not to be shared by threads that hold its lock.

    Args:
        trouble_of: what an exception means; None: it is no trouble that passes.
        watched: around each unit; may raise as the unit itself.
        explained: the error to raise for one that does not pass.
    """

    def __init__(
        self,
        trouble_of: Callable[[Exception], Trouble | None],
        watched: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
        explained: Callable[[Exception], Exception | None] = lambda _: None,
    ) -> None:
        self.patience = Patience()
        self.last_trouble_at = -math.inf
        """When the last one was over, by `time.monotonic`."""
        self._trouble_of = trouble_of
        self._watched = watched
        self._explained = explained
        self._whole = threading.local()

    def __call__(self, work: Callable[[], T]) -> T:
        """Do it, as often as it takes; inside of another such unit, once, for the whole is tried again.

        Raises:
            StorageAwayError: patience has ended, or `patience.stop` is set.
        """
        if getattr(self._whole, "inside", False):
            return work()
        waiting: _Waiting | None = None
        while True:
            try:
                with self._inside(), self._watched():
                    done = work()
                if waiting is not None:
                    waiting.end()
                return done
            except Exception as error:
                trouble = self._trouble_of(error)
                if trouble is None:
                    explained = self._explained(error)
                    if explained is None:
                        raise
                    raise explained from error
                waiting = waiting or _Waiting(self.patience)
                with self._inside():  # what is done meanwhile does not wait in its turn
                    waiting.pause(trouble, error)
                self.last_trouble_at = time.monotonic()

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        self._whole.inside = True
        try:
            yield
        finally:
            self._whole.inside = False


class _Waiting:
    """One time of trouble."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._began = time.monotonic()
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._said: Trouble | None = None

    def pause(self, trouble: Trouble, error: Exception) -> None:
        """Wait a little longer than the last time.

        Raises:
            StorageAwayError: patience has ended, or its `stop` is set.
        """
        seconds = time.monotonic() - self._began
        limit = self._patience.limit_seconds if trouble.ends else math.inf
        if self._said is None and seconds >= trouble.quiet_seconds:
            self._said = trouble
            ending = self._patience.limit_text() if trouble.ends else "waiting for it"
            self._patience.say(f"{trouble.text}; {ending}")
        if seconds >= limit:
            raise StorageAwayError(f"{trouble.text}; given up after {duration_text(seconds)}.") from error
        if self._patience.stop.wait(self._pause_seconds):
            raise StorageAwayError(f"{trouble.text}; asked to end while waiting for it.") from error
        if trouble.ends:  # for a lock the driver itself has waited
            self._pause_seconds = min(1.6 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        with contextlib.suppress(Exception):  # as unable as what waits
            self._patience.meanwhile()

    def end(self) -> None:
        """Say that it is over, where it was said that it is there."""
        if self._said is not None and self._said.over:
            away = duration_text(time.monotonic() - self._began)
            self._patience.say(f"{self._said.over} (after {away})")
