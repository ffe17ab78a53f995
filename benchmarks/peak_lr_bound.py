"""How well one sweep on linear foretells the best peak lr of the other shapes.

    python benchmarks/peak_lr_bound.py [--seeds 4] [--only PROXY ...] [--shapes SHAPE ...]

For each proxy, with SGD or AdamW as it has it: every shape's best peak lr, the vertex of a parabola through
its own fine sweep, beside what `search.strategy.peak_lr` foretells from the sweep on linear alone, and beside
"the same lr for all". Written to `benchmarks/records/peak_lr_bound.json`: log ratios of foretold to measured,
their rms over the shapes, and what training at the foretold lr would lose, in standard deviations between
seeds.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe_machine
from numpy.typing import NDArray
from short_horizons import trained

from search.proxies.registry import AnyProxy, declared_proxy
from search.statistics.lr_sweep_fit import fit_lr_sweep
from search.strategy.peak_lr import peak_lr_scale
from warmboot.baseline_schedules import baselines
from warmboot.curves import Polynomial
from warmboot.schedule import WarmbootSchedule

RECORD = Path(__file__).parent / "records" / "peak_lr_bound.json"
# proxy, horizon, lowest and highest peak lr of the coarse sweep
PROXIES = (
    ("char_lm_mlp", 600, 3e-2, 3.0),
    ("mnist1d_mlp", 1240, 1e-2, 1.0),
    ("digits_mlp", 400, 1e-2, 1.0),
    ("mnist1d_cnn", 434, 1e-2, 1.0),
    ("char_gpt", 250, 5e-4, 5e-2),
)
COARSE = 8
FINE = (-0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6)


def shapes() -> dict[str, WarmbootSchedule]:
    """The standards but one that differs from linear by its warm-up alone, and what searches have found."""
    known = {name: shape for name, shape in baselines().items() if name != "linear_warmup"}
    power = WarmbootSchedule(curve=Polynomial(power=0.7))
    two_cycles = WarmbootSchedule(restarts=(0.5,), step_scale=0.5)
    return {**known, "power 0.7": power, "two cycles": two_cycles}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--only", nargs="+", default=[name for name, *_ in PROXIES])
    parser.add_argument("--shapes", nargs="+", choices=shapes(), default=list(shapes()))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    chosen = {name: shapes()[name] for name in dict.fromkeys(["linear", *arguments.shapes])}
    for name, total, low, high in PROXIES:
        if name in arguments.only:
            keep(name, measure(declared_proxy(name, {}), chosen, total, (low, high), arguments.seeds))


def keep(name: str, found: Mapping[str, Any]) -> None:
    """Write what one proxy has told; the others stay as they were."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    record[name] = {"command": " ".join(["python", *sys.argv]), **describe_machine(), **found}
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(name, json.dumps(found), flush=True)


def measure(
    proxy: AnyProxy,
    shapes: Mapping[str, WarmbootSchedule],
    total: int,
    lrs: tuple[float, float],
    n_seeds: int,
) -> dict[str, Any]:
    """One proxy: a sweep for each shape."""
    sweeps = {name: swept(proxy, shape, total, lrs, n_seeds) for name, shape in shapes.items()}
    seed_sd = float(np.median([v[v.mean(1).argmin()].std(ddof=1) for _, v in sweeps.values()]))
    best = {name: vertex(*sweep) for name, sweep in sweeps.items()}
    fine, values = sweeps["linear"]
    linear_lr = best["linear"]["lr"] or float(fine[values.mean(1).argmin()])
    scale = {name: peak_lr_scale(shape.factors(total)) for name, shape in shapes.items()}
    foretold = {name: linear_lr * scale[name] / scale["linear"] for name in scale}
    there = trained(
        proxy, [(shape.replace(lr=foretold[name]), total) for name, shape in shapes.items()], range(n_seeds)
    )
    for (name, row), losses in zip(best.items(), there, strict=True):
        row["foretold_lr"] = round(foretold[name], 5)
        row["lost_in_seed_sds"] = round((float(losses.mean()) - row["best_loss"]) / seed_sd, 3)
        if row["lr"] is not None:
            row["log_ratio_of_the_bound"] = round(math.log(foretold[name] / row["lr"]), 3)
            row["log_ratio_of_the_same_lr"] = round(math.log(linear_lr / row["lr"]), 3)
    others = [row for name, row in best.items() if name != "linear" and row["lr"] is not None]
    return {
        "total_steps": total,
        "seeds": n_seeds,
        "seed_sd": round(seed_sd, 5),
        "rms_of_the_bound": rms([row["log_ratio_of_the_bound"] for row in others]),
        "rms_of_the_same_lr": rms([row["log_ratio_of_the_same_lr"] for row in others]),
        "most_lost_in_seed_sds": max(row["lost_in_seed_sds"] for row in best.values()),
        "shapes": best,
    }


def swept(
    proxy: AnyProxy, shape: WarmbootSchedule, total: int, lrs: tuple[float, float], n_seeds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fine peak lrs around the best of a coarse sweep, and their losses `lrs x seeds`."""
    coarse = np.geomspace(*lrs, COARSE)
    values = trained(proxy, [(shape.replace(lr=float(lr)), total) for lr in coarse], range(80, 82)).mean(1)
    fine = float(coarse[values.argmin()]) * np.exp(FINE)
    return fine, trained(proxy, [(shape.replace(lr=float(lr)), total) for lr in fine], range(n_seeds))


def vertex(fine: NDArray[np.float64], values: NDArray[np.float64]) -> dict[str, Any]:
    """The best peak lr with its 95% interval, and the best mean loss of the sweep."""
    curve = fit_lr_sweep(fine.tolist(), values.tolist(), direction="minimize")
    return {
        "lr": curve.lr,
        "interval": [
            round(end, 5) if end < np.inf else None for end in (curve.interval.low, curve.interval.high)
        ],
        "place": curve.bracket,
        "best_loss": round(float(values.mean(1).min()), 5),
    }


def rms(values: list[float]) -> float:
    return round(math.sqrt(float(np.mean(np.square(values)))), 3)


if __name__ == "__main__":
    main()
