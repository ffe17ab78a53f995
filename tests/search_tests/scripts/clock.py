"""A clock that a test sets, so that hours pass in a moment and a slow machine makes nobody late."""

from __future__ import annotations

import time

from search.runs.events import Event
from tests.search_tests.scripts.workshop import Working


class Clock:
    """Stands for the module `time` where a run's silence and duration are judged."""

    def __init__(self) -> None:
        self._ahead_seconds = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead_seconds

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def go_on(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self._ahead_seconds += seconds

    def go_on_until_an_event(self, working: Working, seconds: float) -> Event:
        """Let so much pass again and again: what was printed before may count as printed just now."""
        while working.events.empty():
            self.go_on(seconds)
            time.sleep(0.1)
        return working.next_event()
