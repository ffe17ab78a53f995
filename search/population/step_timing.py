"""How long a step of a population takes, in some engines compared with each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from search.population.engine import Engine
from search.population.ring import RING_STEPS, is_ringed
from search.proxies.proxy import Proxy
from search.spec.population import Way

REPETITIONS = 3
LEAST_SECONDS = 0.02
"""Spent on each engine at least: what is over in less is timed more often."""
SAFE_LR = 1e-3
Clock = Callable[[], float]


def step_seconds(
    engines: Mapping[Way, Engine], proxy: Proxy, slots: int, device: torch.device
) -> dict[Way, float]:
    """How long a few steps of all slots take in each engine; all in turns, the best of a few."""
    # On a CPU the time that other processes take is no part of it.
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    for engine in engines.values():
        for slot in range(slots):
            engine.load(slot, (slot,), {})
    n_steps = few_steps(device)
    samples, lrs = drawn_samples(proxy, slots, n_steps), np.full((n_steps, slots), SAFE_LR)
    times: dict[Way, list[float]] = {way: [] for way in engines}
    while any(len(taken) < REPETITIONS or sum(taken) < LEAST_SECONDS for taken in times.values()):
        for way, engine in engines.items():
            times[way].append(_seconds(engine, samples, lrs, clock))
    return {way: min(taken) for way, taken in times.items()}


def few_steps(device: torch.device) -> int:
    """Steps that tell how long one takes: a round, where steps go round a ring."""
    return RING_STEPS if is_ringed(device) else 2


def drawn_samples(proxy: Proxy, slots: int, n_steps: int) -> Tensor:
    """Numbers of training samples, `T x K x B`; the same every time."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(len(proxy.train), (n_steps, slots, proxy.batch_size), generator=generator)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch with one thread, as in a worker."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _seconds(engine: Engine, samples: Tensor, lrs: NDArray[np.float64], clock: Clock) -> float:
    start = clock()
    engine.train(samples, lrs)()
    return clock() - start
