"""The pace of a declared proxy on this machine: a few real steps of a full population."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from search.plan.estimate import Pace
from search.population.make import make_population
from search.proxies.registry import AnyProxy
from search.runs.run import Run
from search.runs.seeds import run_seed
from search.spec.study import StudySpec
from search.strategy.candidates import UniformTrial

MEASURE_SECONDS = 1.5
STEPS_AT_ONCE = 20
SERVICE_SECONDS_PER_RUN = 0.12
"""Asking, reporting and telling one trial of five reports, in the process that trains: what launches of
char_lm took beyond their training (`benchmarks/records/main_job.json`), shared out over their trials."""
_LONG = 10**6  # steps; no run ends while it is measured
_SAFE_LR = 1e-4  # nothing diverges, so that every step is trained


def measure_pace(
    spec: StudySpec,
    proxy: AnyProxy,
    *,
    slots: int,
    n_reports: int,
    device: str,
    seconds: float = MEASURE_SECONDS,
) -> Pace:
    """Train a full population for a moment, with other hyperparameters as the study may draw them.

    Args:
        spec: the study, its horizon in steps and its way known.
        proxy: its proxy.
        slots: runs at once.
        n_reports: how often a run is validated.
        device: of torch.
        seconds: spent on measuring, besides the first steps, which are slower than any other.
    """
    population = make_population(proxy, slots=slots, device=device, way=spec.population.way)
    judging = _timed(lambda: population.untrained(run_seed(spec.seed, 0)))
    draws, table = UniformTrial(np.random.default_rng(spec.seed)), np.full(_LONG, _SAFE_LR)
    for key in range(slots):
        seed, params = run_seed(spec.seed, key), spec.parsed_params.sample(draws)
        population.admit(Run(key=key, lr_table=table, seed=seed, report_steps=(_LONG,), params=params))
    population.advance(STEPS_AT_ONCE)
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        times.append(_timed(lambda: population.advance(STEPS_AT_ONCE)))
    seconds_per_step = float(np.median(times)) / STEPS_AT_ONCE
    alone = SERVICE_SECONDS_PER_RUN + n_reports * judging
    return Pace(slots=slots, seconds_per_run=spec.horizon_steps * seconds_per_step + slots * alone)


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
