"""Whether a constant lr with averaged weights is an opponent: the average instead of a cooldown.

    python benchmarks/averaged_constant.py [--tasks char_lm_mlp digits_mlp] [--seeds 3] [--lrs 12]

A constant lr and linear to zero at the same peak lrs, on the same seeds, by validation loss at the end: of
the weights, and of their running average as proxies keep it (`search.population.averages`). Each is told at
its best peak lr, which is chosen on the seeds that judge it: all are favoured alike.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe_machine
from numpy.typing import NDArray
from quality_tasks import TASKS, load_task

from search.population import Run
from search.population.make import make_population
from warmboot.baseline_schedules import baselines

RECORD = Path(__file__).parent / "records" / "averaged_constant.json"
SLOTS = 16
SHAPES = ("linear", "constant")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    tasks = ["char_lm_mlp", "mnist1d_mlp", "digits_mlp", "mnist1d_cnn"]
    parser.add_argument("--tasks", nargs="*", choices=sorted(TASKS), default=tasks)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lrs", type=int, default=12, help="at equal distances over the task's range")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = {name: measured(name, arguments.lrs, arguments.seeds) for name in arguments.tasks}
    record = {"command": " ".join(["python", *sys.argv]), **describe_machine(), "tasks": rows}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(rows, indent=1))


def measured(name: str, n_lrs: int, n_seeds: int) -> dict[str, Any]:
    """One task's best losses, and by how many seed sds they lie behind linear's."""
    proxy, task, _ = load_task(name)
    lrs = np.geomspace(TASKS[name].lowest_lr, TASKS[name].highest_lr, n_lrs)
    losses = trained(make_population(proxy, slots=SLOTS), task.total_steps, lrs, n_seeds)
    best = {key: _best(values) for key, values in losses.items()}
    sd = float(best["linear"].std(ddof=1))
    found: dict[str, Any] = {"seed_sd": round(sd, 5)}
    for key, values in best.items():
        behind = (values - best["linear"]).mean() / sd
        at = float(lrs[int(np.nanargmin(losses[key].mean(1)))])
        loss = round(float(values.mean()), 5)
        found[key] = {"loss": loss, "lr": round(at, 4), "behind_linear_in_seed_sds": round(float(behind), 2)}
    print(name, found, flush=True)
    return found


def _best(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the peak lr with the best mean, by seed."""
    row: NDArray[np.float64] = losses[int(np.nanargmin(losses.mean(1)))]
    return row


def trained(
    population: Any, total_steps: int, lrs: NDArray[np.float64], n_seeds: int
) -> dict[str, NDArray[np.float64]]:
    """Shape, and "averaged" -> losses, `lrs x seeds`; nan where a run diverged."""
    keys = [*SHAPES, *(f"{shape}, averaged" for shape in SHAPES)]
    losses = {key: np.full((len(lrs), n_seeds), math.nan) for key in keys}
    waiting = [(shape, i, j) for shape in SHAPES for i in range(len(lrs)) for j in range(n_seeds)]
    while waiting or population.active:
        while waiting and population.free_slots:
            shape, i, j = waiting.pop()
            table = baselines()[shape].replace(lr=float(lrs[i])).lr_table(total_steps)
            ends = (total_steps,)
            run = Run(key=(shape, i, j), lr_table=table, seed=(7, j), report_steps=ends, averaged_steps=ends)
            population.admit(run)
        for report in population.advance():
            shape, i, j = report.key
            losses[shape][i, j] = report.metrics.get("val_loss", math.nan)
            losses[f"{shape}, averaged"][i, j] = report.metrics.get("averaged_val_loss", math.nan)
    return losses


if __name__ == "__main__":
    main()
