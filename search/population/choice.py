"""`choose_way`: how the runs of a proxy are trained, found out by training a few steps.

The layers of a perceptron with plain SGD are stacked by hand: that is several times as fast. For any other
model three ways are tried here: stacked layers, where it has them, its forward computed for all runs
at once, and one run after the other. The fastest is taken in which a run has the same bits in company
as alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from search.population.chain import UnsupportedLayerError
from search.population.device_data import DeviceData
from search.population.engines import is_perceptron, make_engine
from search.population.memory import ran_out
from search.population.settings import stack_kind
from search.population.step_timing import SAFE_LR, drawn_samples, few_steps, one_thread, step_seconds
from search.population.vmapped import UnsupportedModelError
from search.proxies.precision import FLOAT32, Precision
from search.proxies.proxy import Proxy, Split
from search.spec.population import ONE_BY_ONE, STACKED, VMAP, Way

LEAST_GAIN = 1.1
"""Times as fast as one by one that company must be; less is within the error of a few steps, and the same
study made again on this machine should be trained the same way."""
JUDGED = 67
_EXPLODING_LR = 1e25


@dataclass(frozen=True)
class Choice:
    """How runs are trained."""

    way: Way
    slots: int
    """Runs at once."""
    gain: float | None = None
    """Times as fast as one by one; None: not timed."""
    obstacle: str = ""
    """Why not more at once."""
    remark: str = ""
    """What else a person should know."""
    precision: Precision = FLOAT32

    def text(self, name: str) -> str:
        """One line for a person.

        >>> Choice("vmap", 8, 2.31).text("mnist1d_cnn")
        'mnist1d_cnn: 8 runs at once by vmap, 2.3 times one by one'
        """
        name = name if self.precision == FLOAT32 else f"{name} in {self.precision}"
        if self.way != ONE_BY_ONE:
            how = "in stacked layers" if self.way == STACKED else "by vmap"
            gain = "" if self.gain is None else f", {self.gain:.1f} times one by one"
            remark = self.remark and f"; {self.remark}"
            return f"{name}: {self.slots} runs at once {how}{gain}{remark}"
        if self.gain is not None:
            return f"{name}: runs one by one; {self.slots} at once would be {self.gain:.1f} times that"
        return f"{name}: runs one by one" + (f"; {self.obstacle}" if self.obstacle else "")


def choose_way(proxy: Proxy, *, slots: int, device: str) -> Choice:
    """The way for `slots` runs at once on a device, or for half as many where so many don't fit into it, and
    so on.

    Raises:
        Exception: whatever the model raises when it is looked at with the proxy's data.
    """
    if is_perceptron(proxy):
        return Choice(STACKED, slots)
    with one_thread():
        while slots > 1:
            try:
                return _tried(proxy, slots, device)
            except RuntimeError as error:
                if not ran_out(error):
                    raise
            slots //= 2
    return Choice(ONE_BY_ONE, 1)


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
    way, gain = fastest(step_seconds(engines, proxy, slots, data.device))
    if way == ONE_BY_ONE or keeps_bits(proxy, slots, way, device):
        return Choice(way, slots, gain)
    if device == "cpu":
        text = "in company its numbers would not be the bits that they are alone"
        return Choice(ONE_BY_ONE, slots, obstacle=text)
    return Choice(way, slots, gain, remark="the last bits of a run depend on its place here")


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


def keeps_bits(proxy: Proxy, slots: int, way: Way, device: str = "cpu") -> bool:
    """Whether a run's losses are the same bits whatever trains beside it, a neighbour that explodes among
    them; judged on a few samples.

    On a CPU: whether the first and the last of `slots` runs get what they get alone. On an accelerator, where
    bits are promised for one number of slots: whether all of them get what they get in each other's places.
    """
    few = Split(inputs=proxy.validation.inputs[:JUDGED], targets=proxy.validation.targets[:JUDGED])
    data = DeviceData(replace(proxy, validation=few), torch.device(device))
    n_steps, exploding = few_steps(data.device) + 1, slots // 2
    samples, lrs = drawn_samples(proxy, slots, n_steps), np.full((n_steps, slots), SAFE_LR)
    lrs[:, exploding] = _EXPLODING_LR

    def trained(seeds: list[int]) -> dict[int, tuple[float, ...]]:
        return _losses(proxy, data, way, samples[:, seeds], lrs[:, seeds], seeds)

    together = trained([*range(slots)])
    others = [[0], [slots - 1]] if device == "cpu" else [[*reversed(range(slots))]]
    return all(
        losses == together[seed]
        for seeds in others
        for seed, losses in trained(seeds).items()
        if seed != exploding
    )


def _losses(
    proxy: Proxy,
    data: DeviceData,
    way: Way,
    samples: torch.Tensor,
    lrs: NDArray[np.float64],
    seeds: list[int],
) -> dict[int, tuple[float, ...]]:
    """By seed, each seed in a slot: losses of its batches, and what its model is judged at the end."""
    engine = make_engine(proxy, data, n_slots=len(seeds), kind=stack_kind({}, proxy), way=way)
    for slot, seed in enumerate(seeds):
        engine.load(slot, (seed,), {})
    losses = engine.train(samples, lrs)()
    judged = engine.evaluate(range(len(seeds)), "validation")
    return {seed: (*losses[:, slot].tolist(), *judged[slot].values()) for slot, seed in enumerate(seeds)}
