"""`choose_slots`: how many runs train at once in one process, from memory and a few measured steps.

More at once are faster until the device is full; from there they only wait for each other, and take memory.
The usual number is taken unless another is clearly faster; then the fewest that are nearly the fastest. What
a run gives does not depend on it (on a CPU not in one bit), so that a study is the same with any number.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from search.population.device_data import DeviceData
from search.population.engines import make_engine
from search.population.memory import ran_out, runs_that_fit
from search.population.settings import stack_kind
from search.population.step_timing import one_thread, step_seconds
from search.proxies.proxy import Proxy
from search.spec.population import Way, default_slots

CPU_SLOTS = (4, 8, 16, 32)
GPU_SLOTS = (8, 32, 128, 512)
NEARLY = 1.1
"""So many times slower than the fastest is nearly as fast: within the error of a few steps."""
CLEARLY = 1.25
"""So many times as fast as the usual number another must be."""


def choose_slots(proxy: Proxy, way: Way, *, most: int, device: str) -> int:
    """How many runs to train at once.

    Args:
        proxy: the task.
        way: how they are trained; one in which they share operations.
        most: no more than can be under way at once, >= 1.
        device: of torch.

    Raises:
        Exception: whatever the model raises when it is looked at with the proxy's data.
    """
    place = torch.device(device)
    most = min(most, runs_that_fit(proxy, place))
    data, rates = DeviceData(proxy, place), dict[int, float]()
    for slots in CPU_SLOTS if place.type == "cpu" else GPU_SLOTS:
        if slots > most or rises_no_more(rates):
            break
        try:
            with one_thread():
                rates[slots] = _rate(proxy, data, way, slots)
        except RuntimeError as error:
            if not ran_out(error):
                raise
            break
    return settled(rates, usual=default_slots(device)) if rates else most


def _rate(proxy: Proxy, data: DeviceData, way: Way, slots: int) -> float:
    """Steps of a model in a second."""
    engine = make_engine(proxy, data, n_slots=slots, kind=stack_kind({}, proxy), way=way)
    return slots / step_seconds({way: engine}, proxy, slots, data.device)[way]


def rises_no_more(rates: Mapping[int, float]) -> bool:
    """Whether the last number tried was not worth its memory.

    >>> rises_no_more({4: 100.0}), rises_no_more({4: 100.0, 8: 105.0}), rises_no_more({4: 100.0, 8: 180.0})
    (False, True, False)
    """
    *before, last = (0.0, *rates.values())
    return last < NEARLY * max(before, default=0.0)


def settled(rates: Mapping[int, float], *, usual: int) -> int:
    """The usual number of slots unless another is clearly faster; then the fewest that are nearly fastest.

    >>> settled({4: 100.0, 8: 104.0}, usual=8), settled({4: 100.0, 8: 180.0, 16: 300.0}, usual=8)
    (8, 16)
    """
    highest = max(rates.values())
    if rates.get(usual, 0.0) * CLEARLY >= highest:
        return usual
    return min(slots for slots, rate in rates.items() if rate * NEARLY >= highest)
