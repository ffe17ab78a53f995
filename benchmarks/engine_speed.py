"""How fast the population engine trains and judges, beside a plain `nn.Module` loop.

    python benchmarks/engine_speed.py [--seconds 3] [--proxy char_lm_mlp] [--device cpu]

One torch thread. Each figure is the best of several repetitions: a busy neighbour makes a repetition
slower, nothing makes it faster. Writes `benchmarks/records/engine_speed.json`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import nn

from search.population import Population, Run
from search.population.stream import BatchStream
from search.proxies import build_proxy
from search.proxies.proxy import SGD, Proxy
from search.runs.seeds import run_generators

RECORD = Path(__file__).parent / "records" / "engine_speed.json"
STACKS = (1, 4, 8, 16, 32)
STEPS = 200
LR = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="spent on each figure")
    parser.add_argument("--proxy", default="char_lm_mlp")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-record", action="store_true", help="print only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record = measure(build_proxy(arguments.proxy, {}), arguments.device, arguments.seconds)
    print(json.dumps(record, indent=2))
    if not arguments.no_record:
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def measure(proxy: Proxy, device: str, seconds: float) -> dict[str, object]:
    """All figures; times in milliseconds."""
    plain_ms = plain_step_ms(proxy, device, seconds)
    stacked_ms = {k: stacked_step_ms(proxy, k, device, seconds) for k in STACKS}
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": " ".join(["python", *sys.argv]),
        "machine": {
            "cpu": cpu_name(),
            "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torch_threads": torch.get_num_threads(),
        },
        "proxy": proxy.name,
        "plain_module_ms_per_step": round(plain_ms, 4),
        "stacked": {
            f"K={k}": {
                "ms_per_model_step": round(ms, 4),
                "model_steps_per_second": round(1000 / ms),
                "times_plain": round(plain_ms / ms, 2),
            }
            for k, ms in stacked_ms.items()
        },
        **other_costs_ms(proxy, device, seconds),
    }


def stacked_step_ms(proxy: Proxy, slots: int, device: str, seconds: float) -> float:
    """One step of one model, in a population of `slots`, admission and reports left out."""
    population = Population(proxy, slots=slots, device=device)
    fill(population, total_steps=10**6)
    ms = best_ms(lambda: population.advance(STEPS), seconds)
    return ms / STEPS / slots


def plain_step_ms(proxy: Proxy, device: str, seconds: float) -> float:
    """One step of one ordinary module under `torch.optim.SGD`."""
    generators = run_generators((0, 1, 0))
    model = proxy.build_model(generators.weights_seed).to(device)
    settings = proxy.optimizer
    assert isinstance(settings, SGD)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LR, momentum=settings.momentum, weight_decay=settings.weight_decay
    )
    inputs, targets = proxy.train.inputs.to(device), proxy.train.targets.to(device)
    stream = BatchStream(proxy, generators.order)

    def train() -> None:
        for batch in stream.take(STEPS).to(device):
            loss = nn.functional.cross_entropy(model(inputs[batch]), targets[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        loss.item()  # waits for an accelerator

    return best_ms(train, seconds) / STEPS


def other_costs_ms(proxy: Proxy, device: str, seconds: float) -> dict[str, float]:
    """Admission of a run, and judging one model on the validation split."""
    population = Population(proxy, slots=1, device=device)
    run = long_run(0, 10**6)
    seeds = iter((0, 1, j) for j in range(10**9))

    def admit() -> None:
        population.admit(run)
        population.cancel(run.key)

    admission = best_ms(admit, seconds)
    untrained = best_ms(lambda: population.untrained(next(seeds)), seconds)
    return {
        "admission_ms": round(admission, 3),
        "validation_ms": round(untrained - admission, 3),
        "validation_samples": len(proxy.validation),
    }


def fill(population: Population, total_steps: int) -> None:
    for key in range(population.free_slots):
        population.admit(long_run(key, total_steps))


def long_run(key: int, total_steps: int) -> Run:
    lr_table = np.full(total_steps, LR)
    return Run(key=key, lr_table=lr_table, seed=(0, 1, key), report_steps=(total_steps,))


def best_ms(action: Callable[[], object], seconds: float) -> float:
    """The fastest of all repetitions that fit into `seconds`, at least three."""
    action()
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
