"""The worker processes of a launch."""

from __future__ import annotations

import multiprocessing
import signal
import time
from pathlib import Path

from search.worker.process import ctrl_c_held_back


def is_deaf_to_ctrl_c(process_id: int) -> bool:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    blocked = next(line.split()[1] for line in status.splitlines() if line.startswith("SigBlk:"))
    return bool(int(blocked, 16) >> (signal.SIGINT - 1) & 1)


def test_a_worker_that_still_imports_is_deaf_to_ctrl_c() -> None:
    """The first one too, with which multiprocessing starts a process of its own."""
    context = multiprocessing.get_context("spawn")
    for _ in range(2):
        process = context.Process(target=time.sleep, args=(60,))
        with ctrl_c_held_back():
            process.start()
        assert process.pid is not None
        deaf = is_deaf_to_ctrl_c(process.pid)
        process.kill()
        process.join()
        assert deaf
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())
