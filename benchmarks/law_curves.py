"""Whole loss curves of many schedules of one task, recorded once for `law.py`.

    python benchmarks/law_curves.py --task char_lm_mlp [--shapes 64] [--seeds 3] [--factor 3] [--name NAME]

The first schedules are the portfolio a search begins with, the others are drawn from the space, plain and
wild ones by turns. Peak lrs are drawn within a factor of where the bound (`search.strategy.peak_lr`) puts
each shape's best, given that of linear: where a search is once it has bracketed that. Each schedule is
trained on the same seeds and validated at `N_POINTS` places. A run that diverged has the untrained loss from
there on. `sweep` is what a search begins with: linear at many peak lrs, in a ninth of the steps.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from machine import describe_machine
from quality_tasks import load_task

from search.population import Run
from search.population.make import make_population
from search.proxies.registry import AnyProxy
from search.strategy.candidates import PriorTrial, UniformTrial
from search.strategy.initial_design import portfolio
from search.strategy.lr_sweep import sweep_plan
from search.strategy.peak_lr import peak_lr_scale
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import ScheduleFile, writes
from warmboot.space import FloatRange, Space

RECORDS = Path(__file__).parent / "records"
N_POINTS, SWEEP_POINTS = 25, 5
DRAWING_SEED = 7
SLOTS = 16
LINEAR_LR = {
    "char_lm_mlp": 0.255,
    "mnist1d_mlp": 0.2,
    "mnist1d_cnn": 0.2,
    "char_gpt": 0.0033,
    "digits_mlp": 0.2,
}
"""About the best peak lr of linear; on mnist1d_mlp the middle of a flat valley."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(LINEAR_LR), required=True)
    parser.add_argument("--shapes", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--factor", type=float, default=3.0, help="how far from the bound's peak lrs")
    parser.add_argument("--name", default="", help="of the record, where it is not the task's")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    proxy, task, _ = load_task(arguments.task)
    n, total = arguments.shapes, task.total_steps
    around = math.log(LINEAR_LR[arguments.task])
    schedules = drawn_schedules(task.spec.parsed_space, n, total, around, math.log(arguments.factor))
    sweep = sweep_plan(task.spec.peak_lr, total, n_trials=None, may_shorten=True)
    swept = [WarmbootSchedule(curve="linear", lr=lr) for lr in sweep.lrs]
    record = {
        "command": f"python benchmarks/law_curves.py --task {arguments.task} --shapes {arguments.shapes} "
        f"--seeds {arguments.seeds} --factor {arguments.factor:g}",
        **describe_machine(),
        "task": arguments.task,
        "total_steps": task.total_steps,
        **recorded(proxy, schedules, task.total_steps, arguments.seeds, N_POINTS),
        "sweep": recorded(proxy, swept, sweep.horizon_steps, arguments.seeds, SWEEP_POINTS)
        if swept
        else None,
    }
    path = RECORDS / f"law_curves_{arguments.name or arguments.task}.json"
    path.write_text(as_text(record), encoding="utf-8")
    print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)


def drawn_schedules(
    space: Space, count: int, total_steps: int, around: float, half_width: float
) -> list[WarmbootSchedule]:
    """The portfolio and draws, each with a peak lr; `around`: the log of linear's best one."""
    rng = np.random.default_rng(DRAWING_SEED)
    found = portfolio(space)[: count // 3]
    draws = (PriorTrial(rng), UniformTrial(rng))
    while len(found) < count:
        draw = draws[len(found) % 2]
        draw.begin()
        found.append(space.sample(draw))
    linear = peak_lr_scale(WarmbootSchedule(curve="linear").factors(total_steps))
    assert isinstance(space.lr, FloatRange)
    lrs = [
        math.exp(around + rng.uniform(-half_width, half_width))
        * peak_lr_scale(s.factors(total_steps))
        / linear
        for s in found
    ]
    return [s.replace(lr=min(max(lr, space.lr.low), space.lr.high)) for s, lr in zip(found, lrs, strict=True)]


def recorded(
    proxy: AnyProxy, schedules: Sequence[WarmbootSchedule], total_steps: int, n_seeds: int, n_points: int
) -> dict[str, Any]:
    """Validation and training losses, `schedules x seeds x points`."""
    population = make_population(proxy, slots=SLOTS)
    steps = [max(1, round(total_steps * i / n_points)) for i in range(1, n_points + 1)]
    untrained = population.untrained((0,))["val_loss"]
    shape = (len(schedules), n_seeds, len(steps))
    losses = {name: np.full(shape, untrained) for name in ("val_loss", "train_loss")}
    waiting = [(i, j) for i in range(len(schedules)) for j in range(n_seeds)][::-1]
    while waiting or population.active:
        while waiting and population.free_slots:
            i, j = waiting.pop()
            table = schedules[i].lr_table(total_steps)
            population.admit(Run(key=(i, j), lr_table=table, seed=(j,), report_steps=tuple(steps)))
        for measured in population.advance():
            i, j = cast(tuple[int, int], measured.key)
            for name, values in losses.items():
                if name in measured.metrics:
                    values[i, j, steps.index(measured.step)] = min(measured.metrics[name], untrained)
    documents = [json.loads(writes(ScheduleFile(schedule))) for schedule in schedules]
    return {
        "steps": steps,
        "untrained": float(f"{untrained:.6g}"),
        "schedules": [document["schedule"] for document in documents],
        **{name: np.vectorize(lambda x: float(f"{x:.5g}"))(v).tolist() for name, v in losses.items()},
    }


def as_text(record: dict[str, Any]) -> str:
    """JSON with a line for each key, and for each schedule."""
    lines = []
    for key, value in record.items():
        text = json.dumps(value, separators=(",", ":"))
        if key in ("schedules", "val_loss", "train_loss"):
            text = "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in value) + "\n]"
        lines.append(f"{json.dumps(key)}:{text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
