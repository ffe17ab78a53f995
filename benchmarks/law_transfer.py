"""Peak lr and sign of the gain at three and nine times the horizon, foretold by the law of the loss.

    python benchmarks/law_transfer.py [--draws 40] [--runs 8 16 64] [--searches 10]

The law is fitted to curves at one horizon and asked for linear and four shapes, each at its best peak lr, at
the longer horizons of `verdict.json`, where all of them were trained. A sign counts as foretold where 95% of
fits to other draws of the runs agree. The curves are those of `law_curves.py`, schedules of every kind; and
those of searches of 16 runs, which is what a study has: most of their runs are near the best.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from law import Recorded, recorded
from machine import describe_machine
from numpy.typing import NDArray
from quality_methods import Task, Warmboot
from quality_pool import run_searches
from quality_tasks import load_task
from verdict_transfer import LINEAR, SHAPES, SLOTS, TASKS, signs

from search.population.make import make_population
from search.spec.params import ParamSpace
from search.spec.study import SamplerSpec
from search.strategy.law_mean import LawMean
from search.strategy.observations import Points
from search.strategy.shape import ShapeEncoder
from search.strategy.study_law import Curve, fitted_law, learnt_from
from warmboot.schedule import WarmbootSchedule

RECORDS = Path(__file__).parent / "records"
LOG_LRS = np.log(np.geomspace(5e-3, 3.0, 129))
SURE = 0.95
SEARCHED = 16
"""Runs of a search."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=40, help="of the schedules that are fitted")
    parser.add_argument("--runs", type=int, nargs="*", default=[8, 16, 64], help="whose curves are fitted")
    parser.add_argument("--searches", type=int, default=10)
    arguments = parser.parse_args()
    there = json.loads((RECORDS / "verdict.json").read_text(encoding="utf-8"))["transfer"]
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    record: dict[str, Any] = {"command": " ".join(["python", *sys.argv]), **describe_machine()}
    for n_runs in arguments.runs:
        tasks = {name: judged(name, there[name], n_runs, arguments.draws) for name in TASKS}
        every = signs([row for task in tasks.values() for row in task["gains"]])
        record[f"{n_runs} runs"] = {"gain's sign": every, "tasks": tasks}
        print(n_runs, "runs, all tasks", every, flush=True)
    record["searches"] = {name: after_searches(name, there[name], arguments) for name in TASKS}
    (RECORDS / "law_transfer.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def judged(name: str, there: Mapping[str, Any], n_runs: int, n_draws: int) -> dict[str, Any]:
    """One task: what the law says beside what is there."""
    task = recorded(name)
    return _foretold([_drawn(task, n_runs, number) for number in range(n_draws)], task.total_steps, there)


def after_searches(
    name: str, there: Mapping[str, Any], arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """The signs after each of some searches, with the law in them, to the horizon that `transfer` trained.

    `gate`: the share that the search's model gives the law.
    """
    proxy, task, _ = load_task(name)
    law = SamplerSpec.model_validate({"name": "warmboot", "law": True})
    steps = TASKS[name].steps
    task = Task(task.spec.model_copy(update={"sampler": law, "total_steps": steps}), task.epoch_steps)
    searches = [Warmboot(task, SEARCHED, np.random.default_rng([i])) for i in range(arguments.searches)]
    run_searches(make_population(proxy, slots=SLOTS), [(i, each) for i, each in enumerate(searches)])
    found = []
    for number, each in enumerate(searches):
        curves = learnt_from(each.strategy.read(each.study.get_trials(deepcopy=False)).curves, steps)
        rng = np.random.default_rng([number])
        drawn = [
            [curves[i] for i in rng.integers(len(curves), size=len(curves))] for _ in range(arguments.draws)
        ]
        gate = float(each.model().response.scales.law)
        found.append({"gate": round(gate, 2), **signs(_foretold(drawn, steps, there)["gains"])})
        print(name, "after a search", found[-1], flush=True)
    return found


def _foretold(drawn: Sequence[Sequence[Curve]], total_steps: int, there: Mapping[str, Any]) -> dict[str, Any]:
    shapes = [LINEAR, *SHAPES.values()]
    rows: dict[str, Any] = {"fitted_at": total_steps, "peak_lr": [], "gains": []}
    for steps in sorted({row["steps"] for row in there["gains"]}):
        laws = [fitted_law(curves, steps) for curves in drawn]
        best = np.array([[_best(total_steps, law, shape) for shape in shapes] for law in laws])
        lrs = [row for row in there["peak_lr"] if row["steps"] == steps]
        for row, lr in zip(lrs, np.median(best[:, :, 0], axis=0), strict=True):
            rows["peak_lr"].append(_lr_row(row, float(lr)))
        gains = [row for row in there["gains"] if row["steps"] == steps]
        for row, found in zip(gains, (best[:, 1:, 1] - best[:, :1, 1]).T, strict=True):
            rows["gains"].append(_gain_row(row, found))
    return rows


def _drawn(task: Recorded, n_runs: int, number: int) -> list[Curve]:
    """The curves of schedules drawn with replacement, one seed each, without those that diverged."""
    rng = np.random.default_rng([number])
    n_schedules, n_seeds, _ = task.losses["val_loss"].shape
    chosen = rng.integers(n_schedules, size=n_runs)
    found = [task.curve(int(i), int(rng.integers(n_seeds)), "val_loss") for i in chosen]
    return [curve for curve in found if curve is not None]


def _best(total_steps: int, law: LawMean, shape: WarmbootSchedule) -> tuple[float, float]:
    """The log peak lr at which the law expects the least, and that."""
    encoded = ShapeEncoder(total_steps, ParamSpace({})).shape(shape, {})
    many = len(LOG_LRS)
    points = Points(np.tile(encoded.features, (many, 1)), LOG_LRS, np.full(many, encoded.log_scale))
    losses = law.losses(points)
    at = int(losses.argmin())
    return float(LOG_LRS[at]), float(losses[at])


def _lr_row(row: Mapping[str, Any], log_lr: float) -> dict[str, Any]:
    """Log ratios to the best peak lr of the fine sweep there: of the law, and of the trend over horizons."""
    there = math.log(row["fine_sweep_lr"])
    return {
        "shape": row["shape"],
        "steps": row["steps"],
        "law": round(log_lr - there, 3),
        "trend": round(math.log(row["foretold_lr"]) - there, 3),
    }


def _gain_row(row: Mapping[str, Any], found: NDArray[np.float64]) -> dict[str, Any]:
    agree = float((found > 0).mean())
    sign = "better" if agree >= SURE else "worse" if agree <= 1 - SURE else "undecided"
    kept = ("linear_over", "steps", "measured", "measured_interval", "measured_sign")
    return {
        **{key: row[key] for key in kept},
        "foretold": round(float(np.median(found)), 5),
        "foretold_interval": [round(float(x), 5) for x in np.quantile(found, (0.025, 0.975))],
        "foretold_sign": sign,
    }


if __name__ == "__main__":
    main()
