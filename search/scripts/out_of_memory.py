"""How to tell that a process was killed for lack of memory: the kernel's count of kills, and last output."""

from __future__ import annotations

import re
from pathlib import Path

_LAST_WORDS = re.compile(
    r"^MemoryError\b|\b_ArrayMemoryError\b|\bOutOfMemoryError\b|CUDA out of memory|MPS backend out of memory"
    r"|DefaultCPUAllocator: (?:can't|not enough)|std::bad_alloc|Cannot allocate memory"
    r"|CUDA_ERROR_OUT_OF_MEMORY",
    re.MULTILINE,
)
_COUNT = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)


def says_out_of_memory(text: str) -> bool:
    """Whether the output of a failed process says that memory ran out.

    >>> says_out_of_memory("torch.OutOfMemoryError: CUDA out of memory. EvaluatedTrial to allocate 2.00 GiB.")
    True
    """
    return _LAST_WORDS.search(text) is not None


def count_oom_kills() -> int | None:
    """Number of processes in this control group that the kernel killed for lack of memory; None if unknown.

    Counted for this process's control group, to which its children belong, else for the whole machine.
    """
    for path in (*_control_group_files(), Path("/proc/vmstat")):
        try:
            found = _COUNT.search(path.read_text())
        except OSError:
            continue
        if found is not None:
            return int(found[1])
    return None


def _control_group_files() -> list[Path]:
    """Where version 2 and version 1 of control groups keep the count."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    root = Path("/sys/fs/cgroup")
    files = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            files += [root / group.lstrip("/") / "memory.events", root / "memory.events"]
        elif "memory" in controllers.split(","):
            files += [
                root / "memory" / group.lstrip("/") / "memory.oom_control",
                root / "memory/memory.oom_control",
            ]
    return files
