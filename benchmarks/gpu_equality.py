"""The part `equality:PROXY` of `gpu.py`: a run's numbers are its own, whatever trains beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from gpu_measuring import Tell, all_measured, attempted
from plain_training import PlainTraining, on_device

from search.population.make import make_population
from search.proxies.proxy import Proxy
from search.proxies.registry import build_proxy
from search.runs.run import Measurement, Run

RUNS, STEPS = 8, 20
METRICS = ("train_loss", "val_loss")
DIVERGING_LR = 1e30


def equality(name: str, *, device: str, ends: float, tiny: bool, tell: Tell) -> None:
    """Tells what is equal bit for bit, and how far apart the rest is."""
    proxy = build_proxy(name, {})
    runs = [_run(key, 0.02 if proxy.optimizer.name == "sgd" else 2e-3) for key in range(2 if tiny else RUNS)]
    first = trained(proxy, runs, device)
    attempted(tell, "again", lambda: equal(first, trained(proxy, runs, device)))
    attempted(tell, "in_permuted_slots", lambda: equal(first, trained(proxy, runs[::-1], device)))
    attempted(tell, "beside_one_that_diverges", lambda: equal(first, _beside_divergence(proxy, runs, device)))
    alone = {run.key: trained(proxy, [run], device, slots=1)[run.key] for run in runs[:2]}
    attempted(tell, "alone_apart_by", lambda: apart(first, alone))
    attempted(tell, "plain_loop_apart_by", lambda: _from_plain(proxy, runs[0], first[runs[0].key], device))


def trained(
    proxy: Proxy, runs: Sequence[Run], device: str, slots: int | None = None
) -> dict[object, Measurement]:
    """The last measurement of each run, trained together."""
    population = make_population(proxy, slots=slots or len(runs), device=device)
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


def _beside_divergence(proxy: Proxy, runs: Sequence[Run], device: str) -> dict[object, Measurement]:
    """The last of them replaced by one that goes to infinity."""
    lost = Run(key="lost", lr_table=np.full(STEPS, DIVERGING_LR), seed=(0, 1, 99), report_steps=(STEPS,))
    found = trained(proxy, [*runs[:-1], lost], device)
    found.pop("lost")
    return found


def _from_plain(proxy: Proxy, run: Run, measured: Measurement, device: str) -> float:
    """How far a plain loop ends from a run's losses, trained and validated."""
    training = PlainTraining(proxy, run.seed, device)
    batches = training.batches.take(STEPS).to(device)
    losses = [training.step(batch, float(lr)) for batch, lr in zip(batches, run.lr_table, strict=True)]
    train_loss = float(torch.stack(losses).double().mean())
    val_loss = training.judged(on_device(proxy.validation, device))
    metrics = measured.metrics
    return max(abs(train_loss - metrics["train_loss"]), abs(val_loss - metrics["val_loss"]))
