"""Waiting for what a test needs, however long a busy machine takes for it."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 600.0
"""Far more than anything takes: only what would never come is given up."""


def wait_until(condition: Callable[[], bool], what: str = "what was waited for") -> None:
    """Return once the condition holds."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, f"{what} did not come"
        time.sleep(0.02)
