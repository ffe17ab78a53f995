"""What one scheduler step costs, against torch's CosineAnnealingWarmRestarts in the same run.

Usage: python benchmarks/scheduler_step.py [--out benchmarks/records/scheduler_step.json]

Each round times the same number of `step()` calls of every scheduler in turn, in shuffled order,
so that a noisy neighbour hits all alike; medians over rounds, and the ratio to torch's within each
round, are kept. One thread, SGD, one and four parameter groups. No optimizer step is timed.
"""

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import torch
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from warmboot import CosineAnnealingWarmbootingLR, WarmbootLR, WarmbootSchedule

STEPS_PER_ROUND, ROUNDS = 10_000, 41
BASELINE = "CosineAnnealingWarmRestarts"
SCHEDULE = WarmbootSchedule(warmup=0.05, restarts=(0.3, 0.65), step_scale=0.8, eta_min=0.05)

Step = Callable[[], Any]


def optimizer_of(groups: int) -> torch.optim.Optimizer:
    parameters = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(groups)]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    optimizer.step()  # torch warns of a scheduler that steps before its optimizer
    return optimizer


def schedulers(groups: int, total_steps: int) -> dict[str, Step]:
    """A `step` of each, for a training of `total_steps` with two restarts."""
    restarts = [total_steps * 3 // 10, total_steps * 65 // 100]
    drop_in = CosineAnnealingWarmbootingLR(optimizer_of(groups), epochs=total_steps, steps=restarts, batchs=1)
    warmboot = WarmbootLR(optimizer_of(groups), SCHEDULE, total_steps=total_steps)
    baseline = CosineAnnealingWarmRestarts(optimizer_of(groups), T_0=total_steps // 3)
    baseline.optimizer.step()
    return {
        BASELINE: baseline.step,
        "WarmbootLR": warmboot.step,
        "CosineAnnealingWarmbootingLR": drop_in.step,
    }


def microseconds_for_a_step(step: Step) -> float:
    start = time.perf_counter()
    for _ in range(STEPS_PER_ROUND):
        step()
    return (time.perf_counter() - start) / STEPS_PER_ROUND * 1e6


def measure(groups: int) -> dict[str, Any]:
    """Median cost of a step and of its ratio to torch's, with the middle half of the rounds."""
    steps = schedulers(groups, total_steps=STEPS_PER_ROUND * ROUNDS)
    order = random.Random(0)
    costs: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name in order.sample(list(steps), k=len(steps)):
            costs[name].append(microseconds_for_a_step(steps[name]))
    return {name: _summary(costs[name], costs[BASELINE]) for name in costs}


def _summary(costs: list[float], baseline: list[float]) -> dict[str, float]:
    ratios = [cost / base for cost, base in zip(costs, baseline, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4)
    return {
        "median_us": round(statistics.median(costs), 4),
        "ratio_median": round(statistics.median(ratios), 4),
        "ratio_lower_quartile": round(low, 4),
        "ratio_upper_quartile": round(high, 4),
    }


def milliseconds_for_a_million_factors() -> dict[str, float]:
    """The best of nine, for each curve: `factors(1_000_000)` of a schedule with two restarts."""
    found = {}
    for curve in ("cosine", "linear", "one_minus_sqrt", "rex", "constant"):
        schedule, times = SCHEDULE.replace(curve=curve), []
        for _ in range(9):
            start = time.perf_counter()
            schedule.factors(1_000_000)
            times.append(time.perf_counter() - start)
        found[curve] = round(min(times) * 1e3, 2)
    return found


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def record() -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": "python benchmarks/scheduler_step.py",
        "machine": f"{cpu_name()}, {os.cpu_count()} cores, {platform.system()}",
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
        "steps_per_round": STEPS_PER_ROUND,
        "rounds": ROUNDS,
        "groups": {str(groups): measure(groups) for groups in (1, 4)},
        "million_factors_ms": milliseconds_for_a_million_factors(),
    }


def table(result: dict[str, Any]) -> str:
    lines = [f"{'groups':<7} {'scheduler':<30} {'us a step':>9} {'ratio':>6}  middle half"]
    for groups, costs in result["groups"].items():
        for name, cost in costs.items():
            span = f"{cost['ratio_lower_quartile']:.2f} to {cost['ratio_upper_quartile']:.2f}"
            lines.append(
                f"{groups:<7} {name:<30} {cost['median_us']:>9.3f} {cost['ratio_median']:>6.2f}  {span}"
            )
    factors = ", ".join(f"{name} {ms}" for name, ms in result["million_factors_ms"].items())
    return "\n".join([*lines, f"a million factors, ms: {factors}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(__file__).parent / "records" / "scheduler_step.json"
    parser.add_argument("--out", type=Path, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    result = record()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(result, indent=2) + "\n")
    print(table(result))


if __name__ == "__main__":
    main()
