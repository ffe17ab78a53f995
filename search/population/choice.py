"""`choose_way`: how the runs of a proxy are trained, found out by training a few steps.

A perceptron's layers are stacked by hand: that is several times as fast. For any other model stacked layers,
where it has them, its forward computed for all runs at once, and one run after the other are tried on this
machine, and the fastest is taken in which a run's numbers are the same bits in company as alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from search.population.engine import DeviceData, Engine
from search.population.engines import is_perceptron, make_engine
from search.population.lowering import UnsupportedLayerError
from search.population.settings import StackKind, stack_kind
from search.population.vmapped import UnsupportedModelError
from search.proxies.proxy import Proxy, Split
from search.spec.population import ONE_BY_ONE, STACKED, VMAP, Way

LEAST_GAIN = 1.1
"""Times as fast as one by one that company must be; less is within the error of a few steps, and the same
study made again on this machine should be trained the same way."""
STEPS, REPETITIONS = 2, 3
JUDGED = 67
Clock = Callable[[], float]
_LR, _EXPLODING_LR = 1e-3, 1e25


@dataclass(frozen=True)
class Choice:
    """A way and what it was chosen for."""

    way: Way
    slots: int
    """Runs at once when it was tried."""
    gain: float | None = None
    """Times as fast as one by one; None: not timed."""
    obstacle: str = ""
    """Why not more at once."""

    def text(self, name: str) -> str:
        """One line for a person.

        >>> Choice("vmap", 8, 2.31).text("mnist1d_cnn")
        'mnist1d_cnn: 8 runs at once by vmap, 2.3 times one by one'
        """
        if self.way != ONE_BY_ONE:
            how = "in stacked layers" if self.way == STACKED else "by vmap"
            gain = "" if self.gain is None else f", {self.gain:.1f} times one by one"
            return f"{name}: {self.slots} runs at once {how}{gain}"
        if self.gain is not None:
            return f"{name}: runs one by one; {self.slots} at once would be {self.gain:.1f} times that"
        return f"{name}: runs one by one" + (f"; {self.obstacle}" if self.obstacle else "")


def choose_way(proxy: Proxy, *, slots: int, device: str) -> Choice:
    """The way for `slots` runs at once on a device.

    Raises:
        Exception: whatever the model raises when it is looked at with the proxy's data.
    """
    if is_perceptron(proxy):
        return Choice(STACKED, slots)
    if slots == 1:
        return Choice(ONE_BY_ONE, slots)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a worker
    try:
        return _tried(proxy, slots, device)
    finally:
        torch.set_num_threads(threads)


def _tried(proxy: Proxy, slots: int, device: str) -> Choice:
    data, kind = DeviceData(proxy, torch.device(device)), stack_kind({}, proxy)
    engines, obstacle = {}, ""
    for way in (STACKED, VMAP):
        try:
            engines[way] = make_engine(proxy, data, n_slots=slots, kind=kind, way=way)
        except UnsupportedLayerError:
            pass  # few models have such layers, so that is not worth a word
        except UnsupportedModelError as error:
            obstacle = str(error)
    if not engines:
        return Choice(ONE_BY_ONE, slots, obstacle=obstacle)
    engines[ONE_BY_ONE] = make_engine(proxy, data, n_slots=slots, kind=kind, way=ONE_BY_ONE)
    # On a CPU the time that other processes take is no part of it.
    clock = time.process_time if device == "cpu" else time.perf_counter
    way, gain = fastest(_step_seconds(engines, proxy, slots, clock))
    if device == "cpu" and way != ONE_BY_ONE and not _keeps_bits(proxy, slots, kind, way):
        text = "in company its numbers would not be the bits that they are alone"
        return Choice(ONE_BY_ONE, slots, obstacle=text)
    return Choice(way, slots, gain)


def fastest(seconds: Mapping[Way, float]) -> tuple[Way, float]:
    """The way to take, and how many times as fast as one by one the fastest company is.

    Args:
        seconds: what the same steps took in each way, one by one among them.

    >>> fastest({"stacked": 2.1, "vmap": 2.0, "one_by_one": 4.2})
    ('stacked', 2.0)
    >>> fastest({"vmap": 4.0, "one_by_one": 4.2})
    ('one_by_one', 1.05)
    """
    gains = {way: seconds[ONE_BY_ONE] / taken for way, taken in seconds.items() if way != ONE_BY_ONE}
    best = max(gains, key=lambda way: gains[way] * (LEAST_GAIN if way == STACKED else 1.0))
    return (best if gains[best] >= LEAST_GAIN else ONE_BY_ONE), gains[best]


def _step_seconds(engines: Mapping[Way, Engine], proxy: Proxy, slots: int, clock: Clock) -> dict[Way, float]:
    """How long a few steps of each take; all in turns, the best of a few."""
    for engine in engines.values():
        _load(engine, proxy, slots)
    samples, lrs = _samples(proxy, slots, STEPS), np.full((STEPS, slots), _LR)
    times: dict[Way, list[float]] = {way: [] for way in engines}
    for _ in range(REPETITIONS):
        for way, engine in engines.items():
            times[way].append(_seconds(engine, samples, lrs, clock))
    return {way: min(taken) for way, taken in times.items()}


def _seconds(engine: Engine, samples: torch.Tensor, lrs: NDArray[np.float64], clock: Clock) -> float:
    start = clock()
    engine.train(samples, lrs)
    return clock() - start


def _keeps_bits(proxy: Proxy, slots: int, kind: StackKind, way: Way) -> bool:
    """Whether the first and the last of `slots` runs get the losses that they get alone, a neighbour that
    explodes among them; judged on a few samples."""
    few = Split(inputs=proxy.validation.inputs[:JUDGED], targets=proxy.validation.targets[:JUDGED])
    proxy = replace(proxy, validation=few)
    data = DeviceData(proxy, torch.device("cpu"))
    samples, lrs = _samples(proxy, slots, STEPS + 1), np.full((STEPS + 1, slots), _LR)
    lrs[:, slots // 2] = _EXPLODING_LR
    together = _losses(proxy, data, kind, way, samples, lrs, range(slots))
    for slot in {0, slots - 1} - {slots // 2}:
        own = _losses(proxy, data, kind, way, samples[:, [slot]], lrs[:, [slot]], [slot])
        if own[0] != together[slot]:
            return False
    return True


def _losses(
    proxy: Proxy,
    data: DeviceData,
    kind: StackKind,
    way: Way,
    samples: torch.Tensor,
    lrs: NDArray[np.float64],
    seeds: range | list[int],
) -> list[tuple[float, ...]]:
    engine = make_engine(proxy, data, n_slots=len(seeds), kind=kind, way=way)
    for slot, seed in enumerate(seeds):
        engine.load(slot, seed, proxy.optimizer)
    losses = engine.train(samples, lrs)
    judged = engine.evaluate(range(len(seeds)), "validation")
    return [(*losses[:, slot].tolist(), *score) for slot, score in enumerate(judged)]


def _load(engine: Engine, proxy: Proxy, slots: int) -> None:
    for slot in range(slots):
        engine.load(slot, slot, proxy.optimizer)


def _samples(proxy: Proxy, slots: int, n_steps: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(len(proxy.train), (n_steps, slots, proxy.batch_size), generator=generator)
