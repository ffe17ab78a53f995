"""The part `equality:PROXY` of `gpu.py`: a run's numbers are its own, whatever trains beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from gpu_measuring import Tell, all_measured, attempted
from plain_training import PlainTraining

from search.population.choice import choose_way
from search.population.make import make_population
from search.population.on_device import on_device
from search.proxies.proxy import Proxy
from search.proxies.registry import build_proxy
from search.runs.run import Measurement, Run
from search.spec.population import VMAP, Way

RUNS, STEPS = 8, 20
METRICS = ("train_loss", "val_loss")
DIVERGING_LR = 1e30


def equality(name: str, *, device: str, ends: float, tiny: bool, tell: Tell) -> None:
    """Tells, of the way chosen here and of `vmap`, what is equal bit for bit and how far the rest is."""
    proxy, n_runs = build_proxy(name, {}), 2 if tiny else RUNS
    lr = 0.02 if proxy.optimizer.name == "sgd" else 2e-3
    runs = [_run(key, lr) for key in range(n_runs)]
    chosen = choose_way(proxy, slots=n_runs, device=device).way
    tell("chosen", chosen)
    attempted(tell, "one_ulp_apart_by", lambda: one_ulp_apart(proxy, runs[0], device))
    for way in dict.fromkeys((chosen, VMAP)):
        attempted(tell, way, partial(_of_way, proxy, runs, device, way))


def _of_way(proxy: Proxy, runs: Sequence[Run], device: str, way: Way) -> dict[str, object]:
    first = trained(proxy, runs, device, way)
    alone = {run.key: trained(proxy, [run], device, way)[run.key] for run in runs[:2]}
    return {
        "again": equal(first, trained(proxy, runs, device, way)),
        "in_permuted_slots": equal(first, trained(proxy, runs[::-1], device, way)),
        "beside_one_that_diverges": equal(first, _beside_divergence(proxy, runs, device, way)),
        "alone_apart_by": apart(first, alone),
        "plain_loop_apart_by": _from_plain(proxy, runs[0], first[runs[0].key], device),
    }


def trained(proxy: Proxy, runs: Sequence[Run], device: str, way: Way) -> dict[object, Measurement]:
    """The last measurement of each run, trained together."""
    population = make_population(proxy, slots=len(runs), device=device, way=way)
    for run in runs:
        population.admit(run)
    return all_measured(population)


def equal(one: dict[object, Measurement], other: dict[object, Measurement]) -> bool:
    """Whether the runs of both have the same bits."""
    return all(one[key].metrics == other[key].metrics for key in one if key in other)


def apart(one: dict[object, Measurement], other: dict[object, Measurement]) -> float:
    """The largest difference of a loss; infinite where one diverged."""
    pairs = [(one[k].metrics.get(name), other[k].metrics.get(name)) for k in other for name in METRICS]
    return max(math.inf if a is None or b is None else abs(a - b) for a, b in pairs)


def _run(key: int, lr: float) -> Run:
    table = lr * (1 + 0.1 * key) * (1 - np.arange(STEPS) / STEPS)
    return Run(key=key, lr_table=table, seed=(0, 1, key), report_steps=(STEPS,))


def _beside_divergence(proxy: Proxy, runs: Sequence[Run], device: str, way: Way) -> dict[object, Measurement]:
    """The last of them replaced by one that goes to infinity."""
    lost = Run(key="lost", lr_table=np.full(STEPS, DIVERGING_LR), seed=(0, 1, 99), report_steps=(STEPS,))
    found = trained(proxy, [*runs[:-1], lost], device, way)
    found.pop("lost")
    return found


def _from_plain(proxy: Proxy, run: Run, measured: Measurement, device: str) -> float:
    """How far a plain loop ends from a run's losses, trained and validated."""
    losses = _plain_losses(proxy, run, device)
    return max(abs(loss - measured.metrics[name]) for name, loss in losses.items())


def one_ulp_apart(proxy: Proxy, run: Run, device: str) -> float:
    """How far two plain loops end apart whose first weights differ in the last bit: no two orders of the same
    sums can be expected nearer."""
    one, other = (_plain_losses(proxy, run, device, factor) for factor in (1.0, 1 + 2**-23))
    return max(abs(one[name] - other[name]) for name in METRICS)


def _plain_losses(proxy: Proxy, run: Run, device: str, factor: float = 1.0) -> dict[str, float]:
    training = PlainTraining(proxy, run.seed, device)
    with torch.no_grad():
        for weight in training.model.parameters():
            weight.mul_(factor)
    batches = training.batches.take(STEPS).to(device)
    losses = [training.step(batch, float(lr)) for batch, lr in zip(batches, run.lr_table, strict=True)]
    train_loss = float(torch.stack(losses).double().mean())
    return {"train_loss": train_loss, "val_loss": training.judged(on_device(proxy.validation, device))}
