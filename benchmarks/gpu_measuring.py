"""What the parts of `gpu.py` share: figures that may fail, rates, and runs to train."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from search.population import Population
from search.runs.run import Measurement, Run

Tell = Callable[[str, object], None]
"""Takes a figure by its name."""
LR = 1e-3
"""Of runs that are only timed: nothing diverges, so that every step is trained."""


def attempted(tell: Tell, name: str, measure: Callable[[], object]) -> object:
    """What `measure` gives, told by its name; None where it fails, which is told in its place."""
    try:
        value = measure()
    except Exception as error:  # one figure less, and the rest goes on
        if isinstance(error, torch.OutOfMemoryError):
            torch.cuda.empty_cache()
        tell(name, {"failed": f"{type(error).__name__}: {str(error)[:300]}"})
        return None
    tell(name, value)
    return value


def rate(action: Callable[[], int], device: str, seconds: float) -> float:
    """What `action` counts, a second; it is called until `seconds` are over, once before for nothing."""
    action()
    wait(device)
    count, began = 0, time.perf_counter()
    while (took := time.perf_counter() - began) < seconds or not count:
        count += action()
        wait(device)
    return count / took


def wait(device: str) -> None:
    """Until the device has done all it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def timed_run(key: int, total_steps: int, lr: float = LR) -> Run:
    """A run at one lr, measured at its end alone."""
    return Run(key=key, lr_table=np.full(total_steps, lr), seed=(0, 1, key), report_steps=(total_steps,))


def all_measured(population: Population) -> dict[object, Measurement]:
    """The last measurement of each run in training, once all are over."""
    last: dict[object, Measurement] = {}
    while population.active:
        last |= {measured.key: measured for measured in population.advance()}
    return last
