"""`AlreadyTrained`: a run whose whole training was reported before the process that trained it ended.

Nothing is left to train, and a script that goes on from its last step may have a loop that never runs. So it
is not started again: its reports are its result.
"""

from __future__ import annotations

import time
from pathlib import Path

from search.scripts.launcher import Ended
from warmboot.following import least_last_step
from warmboot.trial_files import parse_report


def is_trained(reports: Path, total_steps: int) -> bool:
    """Whether the reports of earlier processes, as `hand_to_script` leaves them, are of a whole training."""
    try:
        lines = reports.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return bool(lines) and parse_report(lines[-1]).step >= least_last_step(total_steps)


class AlreadyTrained:
    """An `Execution` that has ended well."""

    def __init__(self) -> None:
        self.last_output_at = time.monotonic()

    def poll(self) -> Ended | None:
        """It has ended."""
        return Ended()

    def tail(self) -> str:
        """Nothing: no process was started."""
        return ""

    def end(self, grace_seconds: float | None = None) -> None:
        """Nothing is to be ended."""
