"""How far from the best schedule there is: searches on `noisy_quadratic`, whose optimum is computed.

    python benchmarks/quadratic_search.py [--searches 40]

On this task the expected loss of any schedule is arithmetic, and so are the best schedule of all
(`quadratic_optimum.py`) and the best of the searched family (`quadratic_family.py`). Searches
see the loss with the noise of a seed; their answers are judged without. Written to
`benchmarks/records/quadratic_search.json`: excess loss over the floor that nothing can pass, as a multiple
of the optimum's, median over the searches with a bootstrap interval, against the number of full runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from machine import describe_machine
from numpy.typing import NDArray
from optuna.exceptions import ExperimentalWarning
from quadratic_family import best_in_family, best_lr
from quadratic_optimum import best_table
from quality_methods import Task, Warmboot
from quality_pool import run_searches
from quality_tasks import SPACE
from scipy import stats
from search_quality import BOTH, FIRST_SEARCH, Make, plain, sweep

from search.population.make import make_population
from search.proxies.noisy_quadratic import NoisyQuadratic, noisy_quadratic
from search.spec.study_file import parse_study
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule

RECORD = Path(__file__).parent / "records" / "quadratic_search.json"
TOTAL_STEPS = 600
METHODS: Sequence[tuple[str, Make, Sequence[int]]] = (
    ("warmboot", Warmboot, (8, 16, 24, 64)),
    ("sweep: linear, 8 lrs", sweep(("linear",), 8, 1), (8,)),
    ("sweep: linear and cosine, 8 lrs", sweep(BOTH, 8, 1), (16,)),
    ("sweep: linear and cosine, 12 lrs", sweep(BOTH, 12, 1), (24,)),
    ("sweep: linear and cosine, 16 lrs, 2 seeds", sweep(BOTH, 16, 2), (64,)),
    ("TPE", plain(None), (8, 16, 24, 64)),
    ("random search", plain(None, random=True), (8, 16, 24, 64)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=40)
    searches = parser.parse_args().searches
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", ExperimentalWarning)
    record = measure(searches)
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    for name, value in record["known"].items():
        print(f"{name:48s} {value:.3f}")
    for name, row in record["searches"].items():
        print(f"{name:48s} {row['median']:.3f} ({row['interval'][0]:.3f} to {row['interval'][1]:.3f})")


def measure(n_searches: int) -> dict[str, Any]:
    proxy = noisy_quadratic()
    table = {
        "name": "noisy_quadratic",
        "proxy": "noisy_quadratic",
        "total_steps": TOTAL_STEPS,
        "n_runs": 64,
        "space": {"lr": {"low": 1e-2, "high": 3.0, "log": True}, **SPACE},
    }
    task = Task(parse_study(table, place="noisy_quadratic"), epoch_steps=60)
    family = best_in_family(proxy, TOTAL_STEPS)
    optimum = best_table(proxy, TOTAL_STEPS, starts=[family.schedule.lr_table(TOTAL_STEPS)]).excess
    found = {}
    for name, make, budgets in METHODS:
        for budget in budgets:
            searches = [
                (FIRST_SEARCH + i, make(task, budget, np.random.default_rng([i, budget])))
                for i in range(n_searches)
            ]
            run_searches(make_population(proxy, slots=16), searches)
            values = np.array([excess(proxy, method.answer()) for _, method in searches]) / optimum
            found[f"{name} @ {budget}"] = summary(values)
            print(f"{name} @ {budget}: {np.median(values):.3f}", file=sys.stderr, flush=True)
    linear, cosine = (baselines()[name] for name in BOTH)
    known = {
        "linear at its best lr": best_lr(proxy, TOTAL_STEPS, linear).excess,
        "cosine at its best lr": best_lr(proxy, TOTAL_STEPS, cosine).excess,
        "best warm-up, power and floor": family.excess,
    }
    return {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "total_steps": TOTAL_STEPS,
        "unit": "excess loss of the answer / that of the best schedule there is",
        "known": {name: round(value / optimum, 4) for name, value in known.items()},
        "searches": found,
    }


def excess(proxy: NoisyQuadratic, schedule: WarmbootSchedule) -> float:
    """Expected loss above the floor that no schedule passes; that of no training where it diverges."""
    value = proxy.excess(schedule.lr_table(TOTAL_STEPS))
    return value if np.isfinite(value) else proxy.untrained - proxy.floor


def summary(values: NDArray[np.float64]) -> dict[str, Any]:
    found = stats.bootstrap((values,), np.median, rng=0, n_resamples=4000, method="percentile")
    low, high = found.confidence_interval
    return {
        "median": round(float(np.median(values)), 4),
        "interval": [round(float(low), 4), round(float(high), 4)],
        "worst": round(float(values.max()), 4),
    }


if __name__ == "__main__":
    main()
