"""`usable_cores`: how much of the machine is ours."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """The cores this process may use.

    A container or a batch system may grant fewer than the machine has; only Linux tells.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
