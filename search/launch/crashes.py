"""How a worker process ended that nobody had asked to: by itself, or by a hand from outside.

It matters for what it trained: that a machine was needed elsewhere says nothing of a training, and that the
process fell over a bad address, or filled the memory, may be the training's doing.
"""

from __future__ import annotations

import signal

from search.processes.ending_signals import ending_signals

_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGINT, signal.SIGSTOP)


def crash_of(exit_code: int | None, *, oom_killed: bool) -> str | None:
    """How a process crashed, in words; None where it was ended from outside, or nobody knows.

    Args:
        exit_code: its own, or -n for signal n.
        oom_killed: whether the system has killed a process for lack of memory meanwhile.

    >>> crash_of(-11, oom_killed=False), crash_of(3, oom_killed=False), crash_of(-9, oom_killed=False)
    ('SIGSEGV', 'exit code 3', None)
    >>> crash_of(-9, oom_killed=True)
    'killed by the system for lack of memory'
    """
    if exit_code == -signal.SIGKILL and oom_killed:
        return "killed by the system for lack of memory"
    if exit_code is None or -exit_code in (*_FROM_OUTSIDE, *ending_signals()):
        return None
    if exit_code >= 0:
        return f"exit code {exit_code}"
    known = -exit_code in set(signal.Signals)
    return signal.Signals(-exit_code).name if known else f"signal {-exit_code}"
