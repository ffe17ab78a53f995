"""The part `throughput:PROXY` of `gpu.py`: model-steps a second, of populations and of what they replace."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from gpu_floors import copied, node_us
from gpu_measuring import LR, Tell, attempted, rate, timed_run, wait
from plain_training import PlainTraining
from torch import Tensor

from search.population.choice import choose_way
from search.population.make import make_population
from search.proxies.proxy import Proxy
from search.proxies.registry import build_proxy

STACKS = (128, 32, 512, 8, 1)
"""Populations, in the order they are measured: should time end, the most telling are there."""
STEPS = 40
"""Trained between two looks at the clock."""
HORIZON = 20_000
"""Steps: no run ends while it is timed."""
READ_AND_WRITTEN = 8
"""Times that a step moves a weight's four bytes at least: forward, backward, gradient, update, momentum."""


def throughput(name: str, *, device: str, ends: float, tiny: bool, tell: Tell) -> None:
    """Tells the eager loop, each population beside it, the captured loop, and JAX."""
    proxy = build_proxy(name, {})
    seconds, stacks = (0.2, (2, 1)) if tiny else (2.0, STACKS)
    tell("parameters", proxy.parameter_count)
    eager = attempted(tell, "eager_loop", lambda: round(eager_rate(proxy, device, seconds), 1))
    for slots in stacks:
        if time.monotonic() + 3 * seconds > ends:
            return tell(f"K={slots}", {"failed": "no time was left"})
        attempted(tell, f"K={slots}", partial(population_figures, proxy, slots, device, seconds, eager))
    attempted(tell, "captured_loop", lambda: captured_rates(proxy, device, seconds))
    for slots in stacks[:2]:
        attempted(tell, f"jax K={slots}", partial(jax_rate, proxy, slots, device, seconds))
    return None


def eager_rate(proxy: Proxy, device: str, seconds: float) -> float:
    """Steps a second of one plain module."""
    training = PlainTraining(proxy, (0, 1, 0), device)

    def train() -> int:
        for batch in training.batches.take(STEPS).to(device):
            training.step(batch, LR)
        return STEPS

    return rate(train, device, seconds)


def population_figures(
    proxy: Proxy, slots: int, device: str, seconds: float, eager: object
) -> dict[str, object]:
    """Model-steps a second of a full population; beside the eager loop, and beside the floor."""
    choice = choose_way(proxy, slots=slots, device=device)
    population = make_population(proxy, slots=slots, device=device, way=choice.way)
    for key in range(slots):
        population.admit(timed_run(key, HORIZON))

    def train() -> int:
        population.advance(STEPS)
        return STEPS * slots

    train()  # what is made once: graphs, workspaces
    found = rate(train, device, seconds)
    step_us = 1e6 * slots / found
    figures: dict[str, object] = {
        "model_steps_per_second": round(found),
        "step_us": round(step_us, 1),
        "way": choice.text(proxy.name),
    }
    if isinstance(eager, float):
        figures["times_eager"] = round(found / eager, 2)
    if device.startswith("cuda"):
        # Apart, since a profiler that a machine does not allow costs this figure and no other.
        floor = partial(_beside_the_floor, proxy, train, slots, device, step_us)
        attempted(figures.__setitem__, "floor", floor)
        figures["gigabytes"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
        torch.cuda.reset_peak_memory_stats()
    return figures


def _beside_the_floor(
    proxy: Proxy, train: Callable[[], int], slots: int, device: str, step_us: float
) -> dict[str, object]:
    """Kernels of a step times the gap between two, or its bytes over the bandwidth, whichever is longer."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        train()
        wait(device)
    kernels = sum(event.count for event in profile.key_averages()) / STEPS
    gaps_us = kernels * node_us(device, 0.2)
    n_bytes = 4 * READ_AND_WRITTEN * slots * proxy.parameter_count
    moving_us = 1e-3 * n_bytes / copied(device, 2**26, 0.2)
    floor_us = max(gaps_us, moving_us)
    return {
        "kernels_per_step": round(kernels, 1),
        "floor_us": round(floor_us, 1),
        "percent_of_floor": round(100 * floor_us / step_us),
    }


def captured_rates(proxy: Proxy, device: str, seconds: float) -> dict[str, object]:
    """Steps a second of one module whose whole step is captured in a graph, compiled before and as it is."""
    found: dict[str, object] = {}
    for name, compiled in (("captured", False), ("compiled_and_captured", True)):
        attempted(found.__setitem__, name, partial(_captured_rate, proxy, device, seconds, compiled))
    return found


def _captured_rate(proxy: Proxy, device: str, seconds: float, compiled: bool) -> float:
    on_gpu = device.startswith("cuda")
    training = PlainTraining(proxy, (0, 1, 0), device, capturable=on_gpu)
    if compiled:
        training.forward = torch.compile(training.model)
    samples = training.batches.take(1)[0].to(device)
    step = _captured(training, samples) if on_gpu else lambda: training.step_as_set(samples)

    def train() -> int:
        for batch in training.batches.take(STEPS).to(device):
            samples.copy_(batch)
            step()
        return STEPS

    return round(rate(train, device, seconds), 1)


def _captured(training: PlainTraining, samples: Tensor) -> Callable[[], object]:
    """A step as a graph that reads `samples`."""
    assert isinstance(training.lr, Tensor)
    training.lr.fill_(LR)
    stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(4):
            training.step_as_set(samples)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        training.step_as_set(samples)
    return graph.replay


def jax_rate(proxy: Proxy, slots: int, device: str, seconds: float) -> dict[str, object]:
    """Model-steps a second of JAX, `STEPS` of all models in one call."""
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.4")
    import jax
    import jax.numpy as jnp
    import jax_models

    platform = jax.devices()[0].platform
    if (platform == "gpu") != device.startswith("cuda"):
        raise RuntimeError(f"JAX here computes on {platform}, not on {device}")
    # Float32, as torch computes.
    jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call]
    trainings = [PlainTraining(proxy, (0, 1, key)) for key in range(slots)]
    samples = torch.stack([training.batches.take(STEPS) for training in trainings], dim=1)
    # Windows share their tokens; a copy of all of them would not fit.
    used, places = np.unique(samples.numpy(), return_inverse=True)
    inputs, targets = (jnp.asarray(part[used].numpy()) for part in (proxy.train.inputs, proxy.train.targets))
    state: list[Any] = [jax_models.start(jax_models.weights_of(proxy, [0] * slots))]
    train, lrs = jax_models.make_train(proxy), jnp.full((STEPS, slots), LR, dtype=np.float32)
    batches = jnp.asarray(places.reshape(samples.shape))

    def action() -> int:
        state[0], losses = train(state[0], inputs, targets, batches, lrs)
        losses.block_until_ready()
        return STEPS * slots

    return {"model_steps_per_second": round(rate(action, "cpu", seconds)), "jax": jax.__version__}
