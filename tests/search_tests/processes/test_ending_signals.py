"""Which signals end the service in order, and which it was told not to hear."""

from __future__ import annotations

import signal
import subprocess
import sys

from search.processes.ending_signals import ending_signals


def test_signals_that_would_end_a_process_on_the_spot_are_known() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may run under nohup
    try:
        known = set(ending_signals())
    finally:
        signal.signal(signal.SIGHUP, before)
    assert {signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2} <= known
    assert signal.SIGINT not in known


def test_under_nohup_a_terminal_may_be_closed() -> None:
    code = (
        "import signal; from search.processes.ending_signals import ending_signals; "
        "print(signal.SIGHUP in ending_signals(), signal.SIGTERM in ending_signals())"
    )
    done = subprocess.run(["nohup", sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False True"
