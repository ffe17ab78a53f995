"""How short may a proxy be: does a short training rank schedules as a long one does.

    python benchmarks/short_horizons.py [--schedules 32] [--seeds 3]

Schedules of the packaged space, plain and wild, each at its own expected peak lr (that of linear from a short
sweep at each horizon), are trained to the full horizon on some seeds and to parts of it on others. Written to
`benchmarks/records/short_horizons.json`, for each proxy and part: the rank correlation (Spearman) of the mean
losses, over all schedules and within the best quarter, and beside it what the noise alone would leave: the
rank correlation between two halves of the full-length seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe_machine
from numpy.typing import NDArray
from quality_tasks import SPACE
from scipy import stats

from search.population import Run
from search.population.make import make_population
from search.proxies.registry import AnyProxy, declared_proxy
from search.strategy.candidates import PriorTrial, UniformTrial
from search.strategy.lr_sweep import lr_at_horizon
from search.strategy.peak_lr import peak_lr_scale
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule
from warmboot.space import Space

RECORD = Path(__file__).parent / "records" / "short_horizons.json"
# proxy, full horizon, lowest and highest peak lr of the sweep
PROXIES = (
    ("char_lm_mlp", 600, 5e-2, 2.0),
    ("mnist1d_mlp", 1240, 2e-2, 1.0),
    ("digits_mlp", 400, 2e-2, 1.0),
    ("mnist1d_cnn", 434, 2e-2, 0.5),
    ("char_gpt", 250, 5e-4, 2e-2),
)
PARTS = (27, 9, 3)
SWEPT = 7
LEAST_STEPS = 40
"""Every schedule of the space has room in so many."""
SLOTS = 16
Losses = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--schedules", type=int, default=32)
    parser.add_argument(
        "--seeds", type=int, default=4, help="at the full horizon; half of them at the others"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record: dict[str, Any] = {"command": " ".join(["python", *sys.argv]), **describe_machine()}
    record |= vars(arguments)
    record["proxies"] = {}
    for name, total, low, high in PROXIES:
        row = measure(declared_proxy(name, {}), total, (low, high), arguments.schedules, arguments.seeds)
        record["proxies"][name] = row
        print(name, json.dumps(row), flush=True)
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def measure(
    proxy: AnyProxy, total: int, lrs: tuple[float, float], n_schedules: int, n_seeds: int
) -> dict[str, Any]:
    shapes = drawn(n_schedules)
    best = best_lr(proxy, total, np.geomspace(*lrs, SWEPT))
    full = losses_of(proxy, shapes, best, total, range(n_seeds))
    first, second = full[:, ::2].mean(1), full[:, 1::2].mean(1)
    row: dict[str, Any] = {
        "total_steps": total,
        "linear_best_lr": round(best, 4),
        "spread_sd": round(float(full.mean(1).std()), 4),
        "seed_sd": round(float(np.median(full.std(axis=1, ddof=1))), 4),
        "two_halves_of_the_full_length": agreement(first, second),
    }
    for part in PARTS:
        steps = total // part
        if steps < LEAST_STEPS:
            continue
        lr = lr_at_horizon(best, total, steps)
        short = losses_of(proxy, shapes, lr, steps, range(n_seeds, n_seeds + n_seeds // 2))
        row[f"1/{part}"] = {"steps": steps, **agreement(short.mean(1), second, first)}
    return row


def drawn(count: int) -> list[WarmbootSchedule]:
    """Standards first, then plain and wild shapes by turns."""
    space = Space.from_dict(dict(SPACE))
    rng = np.random.default_rng(7)
    known = [shape for shape in baselines().values() if space.params_of(shape) is not None]
    draws = [PriorTrial(rng), UniformTrial(rng)]
    shapes = list(known)
    while len(shapes) < count:
        draw = draws[len(shapes) % 2]
        draw.begin()
        shapes.append(space.sample(draw))
    return shapes[:count]


def best_lr(proxy: AnyProxy, total: int, lrs: Sequence[float] | Losses) -> float:
    """Of linear to zero, two seeds: the lowest point of the parabola around the best of the lrs."""
    schedules = [WarmbootSchedule(curve="linear", lr=float(lr)) for lr in lrs]
    values = trained(proxy, [(schedule, total) for schedule in schedules], range(90, 92)).mean(1)
    middle = int(np.clip(values.argmin(), 1, len(values) - 2))
    x = np.log(np.asarray(lrs)[middle - 1 : middle + 2])
    bend, slope, _ = np.polyfit(x - x[1], values[middle - 1 : middle + 2], 2)
    shift = float(np.clip(-slope / (2 * bend), x[0] - x[1], x[2] - x[1])) if bend > 0 else 0.0
    return math.exp(float(x[1]) + shift)


def losses_of(
    proxy: AnyProxy, shapes: Sequence[WarmbootSchedule], linear_lr: float, steps: int, seeds: range
) -> Losses:
    """`shapes x seeds`: validation losses, each shape at its expected peak lr."""
    reference = peak_lr_scale(WarmbootSchedule(curve="linear").factors(steps))
    schedules = [
        shape.replace(lr=linear_lr * peak_lr_scale(shape.factors(steps)) / reference) for shape in shapes
    ]
    return trained(proxy, [(schedule, steps) for schedule in schedules], seeds)


def trained(proxy: AnyProxy, runs: Sequence[tuple[WarmbootSchedule, int]], seeds: range) -> Losses:
    population = make_population(proxy, slots=SLOTS)
    waiting = [(i, j) for i in range(len(runs)) for j in range(len(seeds))]
    losses = np.full((len(runs), len(seeds)), np.nan)
    while waiting or population.active:
        while waiting and population.free_slots:
            i, j = waiting.pop()
            schedule, steps = runs[i]
            population.admit(
                Run(
                    key=(i, j),
                    lr_table=schedule.lr_table(steps),
                    seed=(31_337, seeds[j]),
                    report_steps=(steps,),
                )
            )
        for measured in population.advance():
            i, j = measured.key  # type: ignore[misc]
            untrained = population.untrained((31_337, seeds[j]))["val_loss"]
            losses[i, j] = min(measured.metrics.get("val_loss", untrained), untrained)
    return losses


def agreement(one: Losses, other: Losses, selecting: Losses | None = None) -> dict[str, float]:
    """Rank correlation over all, and over the quarter that `selecting` (else `one`) calls the best."""
    chosen = np.argsort(one if selecting is None else selecting)[: len(one) // 4]
    return {
        "all": round(float(stats.spearmanr(one, other).statistic), 3),
        "best_quarter": round(float(stats.spearmanr(one[chosen], other[chosen]).statistic), 3),
    }


if __name__ == "__main__":
    main()
