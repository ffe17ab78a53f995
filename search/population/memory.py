"""Memory of the device that trains: how much is free, and how much one run takes."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch

from search.population.look import look
from search.processes.cores import usable_cores
from search.proxies.proxy import Proxy
from search.scripts.out_of_memory import says_out_of_memory

SHARE = 0.5
"""Of what is free: the data, what torch keeps for itself and other processes have the rest."""
COPIES_OF_WEIGHTS = 5
"""Weights, gradients, two moments, averages."""
COPIES_OF_OUTPUTS = 2
"""What the layers give, and its gradients."""
_FLOAT_BYTES = 4
_CONTROL_GROUP = Path("/sys/fs/cgroup")


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was not enough memory."""
    return says_out_of_memory(f"{type(error).__name__}: {error}")


def runs_that_fit(proxy: Proxy, device: torch.device) -> int:
    """How many runs of a proxy can train at once in one process of a device, estimated; at least 1."""
    return max(1, int(SHARE * free_bytes(device) / bytes_of_a_run(proxy)))


def bytes_of_a_run(proxy: Proxy) -> int:
    """What one run in a stack takes, its share of the data aside: rather too much than too little."""
    outputs = look(proxy, proxy.train).output_bytes
    return COPIES_OF_WEIGHTS * _FLOAT_BYTES * proxy.parameter_count + COPIES_OF_OUTPUTS * outputs


def free_bytes(device: torch.device) -> int:
    """What one process may take: all that is free on a GPU, on a CPU its core's share."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    machine = int(psutil.virtual_memory().available)
    return min(machine, _left_in_group(_CONTROL_GROUP, machine)) // usable_cores()


def _left_in_group(folder: Path, unlimited: int) -> int:
    """What the limit of a container leaves; `unlimited` where there is none."""
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return unlimited if limit == "max" else max(0, int(limit) - int(used))
    except (OSError, ValueError):
        return unlimited
