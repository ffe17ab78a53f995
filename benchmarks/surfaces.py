"""Dense tables of real trainings, on which search strategies are replayed: shapes x peak lrs x seeds.

    python benchmarks/surfaces.py --task char_lm_mlp | --all

Written to `benchmarks/records/surface_<task>.json`: final validation losses. The untrained loss, that of seed
0 before its first step, stands for a run that diverged or ended worse than that. A seed's first weights and
data order are the same at every shape and lr. `short_values` are those of a ninth of the steps.
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import torch
from machine import describe_machine
from numpy.typing import NDArray
from surface_tasks import TASKS as TORCH_TASKS
from surface_tasks import SurfaceTask

from search.population import Run
from search.population.make import make_population
from search.proxies.registry import declared_proxy
from search.strategy.candidates import PriorTrial, UniformTrial
from warmboot.baseline_schedules import baselines
from warmboot.curves import Polynomial
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import ScheduleFile, writes
from warmboot.space import Space

RECORDS = Path(__file__).parent / "records"
PACKAGED_STUDY = Path(__file__).parents[1] / "studies" / "char_lm.toml"
N_LRS = 13
SHORT_PART, LEAST_SHORT_STEPS = 9, 30
SHORT_SHAPES = ("linear", "linear_warmup")
N_DRAWN, DRAWING_SEED = 15, 11
SLOTS = 16
Values = NDArray[np.float64]


class Setting(NamedTuple):
    """`cheap`: more shapes, 3 seeds instead of 2."""

    optimizer: Literal["sgd", "adam", "adamw"]
    total_steps: int
    lowest_lr: float
    highest_lr: float
    cheap: bool = False


SETTINGS: Mapping[str, Setting] = {
    "char_lm_mlp": Setting("sgd", 600, 5e-3, 6.0, cheap=True),
    "mnist1d_mlp": Setting("sgd", 1240, 2e-3, 4.0, cheap=True),
    "regression_mse": Setting("adam", 250, 1e-4, 0.3),
    "gpt2_adamw": Setting("adamw", 90, 4e-5, 4e-2),
    "digits_bn": Setting("sgd", 144, 2e-3, 4.0),
    "finetune": Setting("adamw", 42, 2e-5, 6e-2),
    "lstm_clip": Setting("sgd", 90, 0.8, 800.0),
    "mnist1d_cnn": Setting("sgd", 186, 1e-3, 1.0),
}


class Job(NamedTuple):
    """One training: `seed` is a number from 0."""

    schedule: WarmbootSchedule
    lr: float
    total_steps: int
    seed: int


Trainer = Callable[[Sequence[Job]], list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--task", choices=tuple(SETTINGS))
    which.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in SETTINGS if arguments.all else (arguments.task,):
        start = time.perf_counter()
        record = {"command": f"python benchmarks/surfaces.py --task {name}", **describe_machine()}
        record |= surface(name, SETTINGS[name])
        path = RECORDS / f"surface_{name}.json"
        path.write_text(as_text(record), encoding="utf-8")
        print(f"{path.name}: {time.perf_counter() - start:.0f} s", flush=True)


def surface(name: str, setting: Setting) -> dict[str, Any]:
    """The record of a task, without where it was made."""
    shapes = known_shapes() | (drawn_shapes() if setting.cheap else {})
    lrs = [rounded(lr) for lr in np.geomspace(setting.lowest_lr, setting.highest_lr, N_LRS)]
    n_seeds = 3 if setting.cheap else 2
    short_steps = setting.total_steps // SHORT_PART
    train, untrained = trainer(name)

    def table(schedules: Sequence[WarmbootSchedule], total_steps: int) -> Values:
        jobs = [
            Job(schedule, lr, total_steps, seed)
            for schedule in schedules
            for lr in lrs
            for seed in range(n_seeds)
        ]
        values = np.minimum(train(jobs), untrained)
        return values.reshape(len(schedules), N_LRS, n_seeds)

    values = table(list(shapes.values()), setting.total_steps)
    has_short = short_steps >= LEAST_SHORT_STEPS
    short = table([shapes[shape] for shape in SHORT_SHAPES], short_steps) if has_short else None
    return {
        "task": name,
        "optimizer": setting.optimizer,
        "total_steps": setting.total_steps,
        "short_steps": short_steps if has_short else None,
        "shapes": [described(shape, schedule) for shape, schedule in shapes.items()],
        "lrs": lrs,
        "values": listed(values),
        "short_values": None if short is None else dict(zip(SHORT_SHAPES, listed(short), strict=True)),
        "untrained": rounded(untrained),
        "seed_sd": rounded(seed_sd(values)),
    }


def known_shapes() -> dict[str, WarmbootSchedule]:
    """The standards and some of their relatives."""
    return {
        **baselines(),
        "linear_floor": WarmbootSchedule(curve="linear", eta_min=0.05),
        "linear_long_warmup": WarmbootSchedule(curve="linear", warmup=0.15),
        "power_0.7": WarmbootSchedule(curve=Polynomial(power=0.7)),
        "power_1.5": WarmbootSchedule(curve=Polynomial(power=1.5)),
        "cosine_floor": WarmbootSchedule(curve="cosine", eta_min=0.1),
        "two_cycles": WarmbootSchedule(curve="cosine", restarts=(0.5,), step_scale=0.5),
        "linear_hold": WarmbootSchedule(curve="linear", hold=0.4),
        "one_minus_sqrt_hold": WarmbootSchedule(curve="one_minus_sqrt", hold=0.6),
    }


def drawn_shapes() -> dict[str, WarmbootSchedule]:
    """Plain and wild shapes by turns, from the space of the packaged study char_lm."""
    table = tomllib.loads(PACKAGED_STUDY.read_text(encoding="utf-8"))["space"]
    del table["lr"]
    space = Space.from_dict(table)
    rng = np.random.default_rng(DRAWING_SEED)
    draws = (PriorTrial(rng), UniformTrial(rng))
    shapes = {}
    for number in range(N_DRAWN):
        draw = draws[number % 2]
        draw.begin()
        shapes[f"drawn_{number + 1}"] = space.sample(draw)
    return shapes


def described(name: str, schedule: WarmbootSchedule) -> dict[str, Any]:
    """A shape as in a schedule file, with its name and in words."""
    document = json.loads(writes(ScheduleFile(schedule)))
    return {"name": name, "words": schedule.describe(), "schedule": document["schedule"]}


def trainer(name: str) -> tuple[Trainer, float]:
    """What trains the jobs of a task, and the untrained loss."""
    if name in TORCH_TASKS:
        task = TORCH_TASKS[name]
        return lambda jobs: one_by_one(task, jobs), task.untrained()
    population = make_population(declared_proxy(name, {}), slots=SLOTS)
    untrained = population.untrained((0,))["val_loss"]

    def train(jobs: Sequence[Job]) -> list[float]:
        waiting = list(range(len(jobs)))[::-1]
        values = [np.nan] * len(jobs)
        while waiting or population.active:
            while waiting and population.free_slots:
                number = waiting.pop()
                lrs = jobs[number].lr * jobs[number].schedule.factors(jobs[number].total_steps)
                run = Run(key=number, lr_table=lrs, seed=(jobs[number].seed,), report_steps=(len(lrs),))
                population.admit(run)
            for measured in population.advance():
                values[cast(int, measured.key)] = measured.metrics.get("val_loss", untrained)
        return values

    return train, untrained


def one_by_one(task: SurfaceTask, jobs: Sequence[Job]) -> list[float]:
    return [task.train(job.schedule.factors, job.lr, job.total_steps, job.seed) for job in jobs]


def seed_sd(values: Values) -> float:
    """Between seeds at each shape's best lr, the median over the shapes."""
    best = values.mean(axis=2).argmin(axis=1)
    return float(np.median(values[np.arange(len(values)), best].std(axis=1, ddof=1)))


def listed(values: Values) -> Any:
    """Nested lists, numbers of 6 digits."""
    return np.vectorize(rounded)(values).tolist()


def rounded(value: float) -> float:
    return float(f"{value:.6g}")


def as_text(record: Mapping[str, Any]) -> str:
    """JSON with a line for each key, and for each row of a table or list of shapes."""
    lines = []
    for key, value in record.items():
        text = json.dumps(value, separators=(",", ":"))
        if key in ("shapes", "values"):
            text = "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in value) + "\n]"
        lines.append(f"{json.dumps(key)}:{text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    main()
