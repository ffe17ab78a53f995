"""The parts of `gpu.py`, each in a process of its own: `python benchmarks/gpu_parts.py PART DEVICE SECONDS`.

What is measured is told at once, a line each: its name, a tab, JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping

import torch
from gpu_equality import equality
from gpu_floors import floors
from gpu_studies import study, waves
from gpu_throughput import throughput


def tell(name: str, value: object) -> None:
    """One measured figure; printed at once, for the process may be ended."""
    print(f"{name}\t{json.dumps(value)}", flush=True)


PARTS: Mapping[str, Callable[..., None]] = {
    "floors": floors,
    "throughput": throughput,
    "equality": equality,
    "study": study,
    "waves": waves,
}
"""Each is called with the words after its colon, `device`, `ends` (of `time.monotonic`), `tiny`, `tell`."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part")
    parser.add_argument("device")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--rehearse", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    name, *words = arguments.part.split(":")
    ends = time.monotonic() + arguments.seconds
    PARTS[name](*words, device=arguments.device, ends=ends, tiny=arguments.rehearse, tell=tell)


if __name__ == "__main__":
    main()
