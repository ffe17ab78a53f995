"""`Outages`: one line for each outage of the storage, however many processes notice it."""

from __future__ import annotations

import time

from search.messages import Say

SAME_OUTAGE_SECONDS = 30.0
"""Within this all that use a storage have noticed that it is away: leases are renewed twice as often."""


class Outages:
    """Collects outages from every process of a launch, and says each once.

    Args:
        say: tells a person one line.
    """

    def __init__(self, say: Say) -> None:
        self._say = say
        self._told_at: dict[str, float] = {}

    def __call__(self, text: str, at: float | None = None) -> None:
        """Say it, unless another process has reported this outage.

        Args:
            text: one line.
            at: when it was noticed, by `time.monotonic`, which is one clock for a machine; now if left out.
        """
        what, now = text.partition(" (")[0], time.monotonic() if at is None else at
        before = self._told_at.get(what)
        self._told_at[what] = now
        if before is None or abs(now - before) > SAME_OUTAGE_SECONDS:
            self._say(text)
