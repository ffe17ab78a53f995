"""Workers that wait for a task, which are forks: tried in a process without threads, as the command is one.

Other tests bring libraries into pytest's own process that run threads, and such a process must not be forked.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ALONE = Path(__file__).with_name("spare_workers_alone.py")


def test_forks_wait_for_a_task_take_it_and_end_with_their_parent() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(ALONE)]
    found = subprocess.run(command, capture_output=True, text=True, cwd=ALONE.parents[3], check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "5 passed" in found.stdout or sys.platform != "linux"
