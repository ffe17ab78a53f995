"""A small process that tidies up after one that runs scripts and is killed.

A worker ends its scripts however it ends, but not when it is killed outright. So beside it there is one more
process, in a session of its own and deaf to what asks processes to end. Its input ends when the worker does;
then it ends the scripts that are left, clears their folders, and is done.
"""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time

from search.processes.ending_signals import ending_signals
from search.processes.identity import is_gone, this_process
from search.scripts.leftovers import end_leftovers
from warmboot.service import service_command

_PATIENCE_SECONDS = 10.0
_LOOK_AGAIN_SECONDS = 0.02


@functools.cache
def start_guardian() -> subprocess.Popen[bytes]:
    """The guardian of this process, started when it is first asked for; it is told nothing more."""
    modules = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        service_command(__name__, this_process()),
        env={**os.environ, "PYTHONPATH": modules},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def main(owner: str) -> None:
    """Wait for the end of `owner`, whose process holds the other end of this one's input; then tidy up."""
    for number in (signal.SIGINT, *ending_signals()):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not is_gone(owner) and time.monotonic() < give_up_at:
        time.sleep(_LOOK_AGAIN_SECONDS)
    end_leftovers()
