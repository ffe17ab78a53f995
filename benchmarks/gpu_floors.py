"""The part `floors` of `gpu.py`: what nothing passes on this device, measured with torch alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from gpu_measuring import Tell, attempted, wait

NODES = 1_000
"""Of the graph whose gaps are measured."""


def floors(*, device: str, ends: float, tiny: bool, tell: Tell) -> None:
    """Tells bandwidth, launches, gaps and the rate of a large product."""
    seconds = 0.1 if tiny else 2.0
    attempted(tell, "copy_gigabytes_per_second", lambda: copied(device, 2**22 if tiny else 2**28, seconds))
    attempted(tell, "launch_from_python_us", lambda: launched_us(device, seconds))
    if device.startswith("cuda"):
        attempted(tell, "graph_node_us", lambda: node_us(device, seconds))
    attempted(tell, "float32_product_gflops", lambda: product(device, 256 if tiny else 8192, seconds))


def copied(device: str, n_floats: int, seconds: float) -> float:
    """Read and written, of a copy on the device."""
    source, target = (torch.zeros(n_floats, device=device) for _ in range(2))
    return round(8e-9 * n_floats / _each(lambda: target.copy_(source), device, seconds, at_once=10), 1)


def launched_us(device: str, seconds: float) -> float:
    """One small operation after the other, asked for from Python."""
    value = torch.zeros(1, device=device)
    return round(1e6 * _each(lambda: value.add_(1), device, seconds, at_once=1000), 3)


def node_us(device: str, seconds: float) -> float:
    """One small operation after the other in a captured graph."""
    value = torch.zeros(1, device=device)
    value.add_(1)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(NODES):
            value.add_(1)
    return round(1e6 * _each(graph.replay, device, seconds, at_once=5) / NODES, 3)


def product(device: str, n: int, seconds: float) -> float:
    """Of two square matrices of float32, without TF32."""
    left, right = (torch.randn(n, n, device=device) for _ in range(2))
    out = torch.empty(n, n, device=device)
    each = _each(lambda: torch.mm(left, right, out=out), device, seconds, at_once=3)
    return round(2e-9 * n**3 / each, 1)


def _each(action: Callable[[], object], device: str, seconds: float, *, at_once: int) -> float:
    """Seconds of one call: the best of blocks of `at_once`."""
    action()
    wait(device)
    best, began = float("inf"), time.perf_counter()
    while time.perf_counter() - began < seconds or best == float("inf"):
        start = time.perf_counter()
        for _ in range(at_once):
            action()
        wait(device)
        best = min(best, (time.perf_counter() - start) / at_once)
    return best
