"""How fast each proxy's runs are trained, evaluation included, beside a loop over plain modules.

    python benchmarks/throughput.py [--proxy mnist1d_cnn ...] [--runs 8] [--steps 60] [--rounds 5]
    [--no-record]

The same runs both times: same seeds, batches, lr tables, and the validation split judged at the same steps.
The loop is what anybody would write: `torch.optim`, one model after the other, one forward for the
validation split. The two are run in turns on one torch thread, and processor time is compared, the least of
all rounds, so that a busy neighbour counts on neither side. That they train the same is checked: final
losses agree to 1e-2. Where a study would take stacked layers, `vmap` runs beside them. Packaged proxies, and
some of them with another optimizer or other layers (`throughput_variants.py`).

`share_of_sgemm` is the arithmetic of all forwards and backwards (torch's FlopCounterMode) over the time, in
parts of what a product of two 1024 x 1024 matrices reaches on the same core in the same minute.

Writes `benchmarks/records/throughput.json`; what is not measured stays there.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe_machine
from plain_training import PlainTraining
from throughput_variants import VARIANTS
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from search.population import Population, Run
from search.population.choice import choose_way
from search.proxies import build_proxy, builtin_proxies
from search.proxies.proxy import Proxy
from search.spec.population import STACKED, VMAP, Way

RECORD = Path(__file__).parent / "records" / "throughput.json"
PROXIES: Mapping[str, Callable[[], Proxy]] = {
    **{name: partial(build_proxy, name, {}) for name in builtin_proxies() if name != "noisy_quadratic"},
    **VARIANTS,
}
"""How each is made, by the name of its row."""
REPORTS = 3
LR = {"sgd": 0.05, "adamw": 1e-3}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--proxy", nargs="+", choices=list(PROXIES), default=list(PROXIES))
    parser.add_argument("--runs", type=int, default=8, help="at once")
    parser.add_argument("--steps", type=int, default=60, help="of each run")
    parser.add_argument("--rounds", type=int, default=5, help="of each side, in turns")
    parser.add_argument("--no-record", action="store_true", help="print only")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record: dict[str, Any] = {**describe_machine(), "evaluations": REPORTS, "proxies": kept()}
    for name in arguments.proxy:
        try:
            proxy = PROXIES[name]()
        except (ModuleNotFoundError, FileNotFoundError, ValueError) as error:
            print(f"{name}: left out: {error}")
            continue
        setting = {
            "load": round(os.getloadavg()[0], 1),
            "runs_at_once": arguments.runs,
            "steps": arguments.steps,
        }
        measured = setting | measure(proxy, arguments.runs, arguments.steps, arguments.rounds)
        record["proxies"][name] = measured
        print(name, json.dumps(measured), flush=True)
        if not arguments.no_record:
            RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def kept() -> dict[str, Any]:
    """What the record has of proxies that are not measured now."""
    found = json.loads(RECORD.read_text(encoding="utf-8"))["proxies"] if RECORD.exists() else {}
    return {name: measured for name, measured in found.items() if name in PROXIES}


def measure(proxy: Proxy, n_runs: int, n_steps: int, n_rounds: int) -> dict[str, Any]:
    """All figures of a proxy; times in milliseconds of processor time for one step of one model."""
    chosen = choose_way(proxy, slots=n_runs, device="cpu")
    runs = [make_run(proxy, key, n_steps) for key in range(n_runs)]
    sides: dict[str, Callable[[], list[float]]] = {
        "plain": lambda: [plain_run(proxy, run) for run in runs],
        "population": lambda: population_runs(proxy, runs, chosen.way),
    }
    if chosen.way == STACKED:
        sides[VMAP] = lambda: population_runs(proxy, runs, VMAP)
    losses: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(n_rounds):
        for side, train in sides.items():
            start = time.process_time()
            losses[side] = train()
            seconds[side].append(time.process_time() - start)
    deviation = float(np.abs(np.subtract(losses["plain"], losses["population"])).max())
    assert deviation < 1e-2, f"{proxy.name}: the two did not train the same: {losses}"
    best = {side: min(times) for side, times in seconds.items()}
    ratios = [a / b for a, b in zip(seconds["plain"], seconds["population"], strict=True)]
    flops, rate = flops_of_a_run(proxy, runs[0]), sgemm_rate()
    return {
        "way": chosen.way,
        "times_plain": round(best["plain"] / best["population"], 2),
        **({"times_plain_by_vmap": round(best["plain"] / best[VMAP], 2)} if VMAP in best else {}),
        "times_plain_by_round": [round(ratio, 2) for ratio in ratios],
        "plain_ms": round(best["plain"] / n_runs / n_steps * 1000, 4),
        "population_ms": round(best["population"] / n_runs / n_steps * 1000, 4),
        "sgemm_gflops": round(rate / 1e9, 1),
        "share_of_sgemm": {
            side: round(flops * n_runs / seconds_of_side / rate, 3) for side, seconds_of_side in best.items()
        },
        "largest_difference_of_final_losses": deviation,
    }


def make_run(proxy: Proxy, key: int, n_steps: int) -> Run:
    table = LR[proxy.optimizer.name] * (1.0 - np.arange(n_steps) / n_steps)
    reports = tuple(n_steps * (i + 1) // REPORTS for i in range(REPORTS))
    return Run(key=key, lr_table=table, seed=(0, 1, key), report_steps=reports)


def population_runs(proxy: Proxy, runs: list[Run], way: Way) -> list[float]:
    """Final validation loss of each run, all trained in a way."""
    population = Population(proxy, slots=len(runs), way=way)
    for run in runs:
        population.admit(run)
    final: dict[Any, float] = {}
    while population.active:
        for measurement in population.advance():
            final[measurement.key] = measurement.metrics["val_loss"]
    return [final[run.key] for run in runs]


def plain_run(proxy: Proxy, run: Run) -> float:
    """Final validation loss of one run, trained as anybody would."""
    training = PlainTraining(proxy, run.seed)
    loss = float("nan")
    for step, batch in enumerate(training.batches.take(run.total_steps)):
        training.step(batch, float(run.lr_table[step]))
        if step + 1 in run.report_steps:
            loss = plain_validation(proxy, training.model)
    return loss


@torch.no_grad()
def plain_validation(proxy: Proxy, model: nn.Module) -> float:
    model.eval()
    logits, targets = model(proxy.validation.inputs).flatten(0, -2), proxy.validation.targets.flatten()
    loss = functional.cross_entropy(logits, targets).item()
    (logits.argmax(-1) != targets).float().mean().item()
    model.train()
    return loss


def flops_of_a_run(proxy: Proxy, run: Run) -> float:
    """Floating-point operations of its products and convolutions, evaluation included."""
    model = proxy.build_model(0)
    batch = proxy.train.inputs[: proxy.batch_size]
    targets = proxy.train.targets[: proxy.batch_size].flatten()
    with FlopCounterMode(display=False) as training:
        functional.cross_entropy(model(batch).flatten(0, -2), targets).backward()  # type: ignore[no-untyped-call]
    with FlopCounterMode(display=False) as judging, torch.no_grad():
        model.eval()(proxy.validation.inputs[:64])
    per_evaluation = judging.get_total_flops() * len(proxy.validation) / 64
    return float(training.get_total_flops() * run.total_steps + per_evaluation * len(run.report_steps))


def sgemm_rate(side: int = 1024) -> float:
    """Operations a second of a large product on this core."""
    left, right = torch.randn(side, side), torch.randn(side, side)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        left @ right
        seconds.append(time.process_time() - start)
    return 2 * side**3 / min(seconds)


if __name__ == "__main__":
    main()
