"""The main job, timed and judged: `warmboot launch char_lm`, and what its answer is worth on fresh seeds.

    python benchmarks/main_job.py [--studies 5] [--pairs 20]

Each study is launched with the real command on an empty SQLite database and timed as a whole process; the
studies differ in their seed. Its exported schedule is then trained on fresh seeds beside linear and cosine
to zero, each at the best of 16 peak lrs (log-spaced over the range that the study searches; mean
validation loss of two other seeds). All arms share the seeds: differences are paired, on test data that
neither the search nor the sweep has read. Writes `benchmarks/records/main_job.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import describe_machine
from scipy import stats

import warmboot
from search.population import Population, Run
from search.proxies import build_proxy
from search.proxies.proxy import Proxy
from search.spec.study_file import find_study_file, read_study_file
from warmboot.schedule_file import ScheduleFile, writes
from warmboot.space import FloatRange

RECORD = Path(__file__).parent / "records" / "main_job.json"
SLOTS = 16
SWEEP_LRS, SWEEP_SEEDS = 16, 2
# Entropy that no study uses: a study's runs begin with its own seed.
SWEEP_STREAM, PAIR_STREAM = (987_001,), (987_002,)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record = measure(arguments.studies, arguments.pairs)
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print_table(record)


def measure(n_studies: int, n_pairs: int) -> dict[str, Any]:
    """Launch the studies, tune the standards, train every arm on the same fresh seeds."""
    spec = read_study_file(find_study_file("char_lm"))
    proxy = build_proxy(spec.proxy.name, {})
    studies = [launched(seed) for seed in range(n_studies)]
    arms = {f"study {i}": study["schedule"] for i, study in enumerate(studies)}
    sweeps = {name: swept(proxy, name, spec.horizon_steps) for name in ("linear", "cosine")}
    arms |= {name: sweep["schedule"] for name, sweep in sweeps.items()}
    losses = trained(proxy, arms, spec.horizon_steps, n_pairs)
    best_standard = min(sweeps, key=lambda name: np.mean(losses[name]))
    return {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "studies": [
            {"seed": i, "seconds": study["seconds"], "schedule": study["schedule"].describe()}
            for i, study in enumerate(studies)
        ],
        "launch_seconds_median": float(np.median([study["seconds"] for study in studies])),
        "sweeps": {name: sweep["record"] for name, sweep in sweeps.items()},
        "schedule_files": {name: json.loads(writes(ScheduleFile(arms[name]))) for name in arms},
        "test_loss": {name: summary(values) for name, values in losses.items()},
        "best_standard": best_standard,
        "comparisons": [compared(f"study {i}", name, losses) for i in range(n_studies) for name in sweeps],
    }


def launched(seed: int) -> dict[str, Any]:
    """One launch of the char_lm study with another seed, as a user runs it; seconds from start to exit."""
    with tempfile.TemporaryDirectory() as folder:
        text = find_study_file("char_lm").read_text(encoding="utf-8").replace("seed = 0", f"seed = {seed}")
        study = Path(folder, "char_lm.toml")
        study.write_text(text, encoding="utf-8")
        environment = {**os.environ, "WARMBOOT_STORAGE": f"sqlite:///{folder}/warmboot.db"}
        command = [sys.executable, "-m", "search"]
        start = time.perf_counter()
        subprocess.run([*command, "launch", str(study)], check=True, env=environment, capture_output=True)
        seconds = time.perf_counter() - start
        export = [*command, "export", "char_lm", "--with-lr"]
        exported = subprocess.run(export, check=True, env=environment, capture_output=True, text=True)
    print(f"study {seed}: {seconds:.1f} s", file=sys.stderr)
    return {"seconds": round(seconds, 1), "schedule": warmboot.reads(exported.stdout).schedule}


def swept(proxy: Proxy, name: str, total_steps: int) -> dict[str, Any]:
    """A standard at the best of its peak lrs."""
    field = read_study_file(find_study_file("char_lm")).parsed_space.lr
    assert isinstance(field, FloatRange)
    lrs = np.geomspace(field.low, field.high, SWEEP_LRS)
    shape = warmboot.baselines()[name]
    runs = [
        run((float(lr), j), shape.replace(lr=float(lr)), total_steps, (*SWEEP_STREAM, j))
        for lr in lrs
        for j in range(SWEEP_SEEDS)
    ]
    ends = all_ends(proxy, runs)
    means = {
        lr: float(np.mean([_val_loss(ends, (lr, j)) for j in range(SWEEP_SEEDS)])) for lr in map(float, lrs)
    }
    best = min(means, key=lambda lr: means[lr])
    record = {"peak_lr": best, "val_loss_by_peak_lr": {f"{lr:.4g}": v for lr, v in means.items()}}
    return {"schedule": shape.replace(lr=best), "record": record}


def trained(
    proxy: Proxy, arms: Mapping[str, warmboot.WarmbootSchedule], total_steps: int, n_pairs: int
) -> dict[str, list[float]]:
    """Test losses of every arm, in the order of the shared seeds."""
    runs = [
        run((name, j), schedule, total_steps, (*PAIR_STREAM, j))
        for name, schedule in arms.items()
        for j in range(n_pairs)
    ]
    ends = all_ends(proxy, runs)
    return {name: [ends[name, j]["test_loss"] for j in range(n_pairs)] for name in arms}


def run(key: Any, schedule: warmboot.WarmbootSchedule, total_steps: int, seed: tuple[int, ...]) -> Run:
    return Run(
        key=key,
        lr_table=schedule.lr_table(total_steps),
        seed=seed,
        report_steps=(total_steps,),
        test_at_end=True,
    )


def all_ends(proxy: Proxy, runs: Sequence[Run]) -> dict[Any, Mapping[str, float]]:
    """The last metrics of all runs, by key; a diverged run has none."""
    population, waiting = Population(proxy, slots=SLOTS), list(runs)
    ends: dict[Any, Mapping[str, float]] = {}
    while waiting or population.active:
        while waiting and population.free_slots:
            population.admit(waiting.pop(0))
        ends |= {m.key: m.metrics for m in population.advance() if m.last}
    return ends


def _val_loss(ends: Mapping[Any, Mapping[str, float]], key: Any) -> float:
    return ends[key].get("val_loss", float("inf"))


def summary(values: Sequence[float]) -> dict[str, Any]:
    return {
        "mean": float(np.mean(values)),
        "seed_standard_deviation": float(np.std(values, ddof=1)),
        "values": list(values),
    }


def compared(arm: str, standard: str, losses: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The paired difference arm - standard (below 0: the arm is better) with its 95% t interval."""
    difference = np.subtract(losses[arm], losses[standard])
    low, high = stats.t.interval(
        0.95, len(difference) - 1, loc=difference.mean(), scale=stats.sem(difference)
    )
    deviation = float(np.std(losses[standard], ddof=1))
    return {
        "arm": arm,
        "standard": standard,
        "mean_difference": float(difference.mean()),
        "interval_95": [float(low), float(high)],
        "pairing_correlation": float(np.corrcoef(losses[arm], losses[standard])[0, 1]),
        "in_seed_standard_deviations": float(difference.mean()) / deviation,
        "upper_limit_in_seed_standard_deviations": float(high) / deviation,
        "not_worse_by_half_a_deviation": bool(high <= 0.5 * deviation),
    }


def print_table(record: Mapping[str, Any]) -> None:
    seconds = [study["seconds"] for study in record["studies"]]
    median = record["launch_seconds_median"]
    print(f"launch char_lm: {min(seconds)} / {median} / {max(seconds)} s (min / median / max)")
    for name, values in record["test_loss"].items():
        print(f"{name:<10} test loss {values['mean']:.4f}, seed sd {values['seed_standard_deviation']:.4f}")
    for row in record["comparisons"]:
        low, high = row["interval_95"]
        print(
            f"{row['arm']} - {row['standard']:<8} {row['mean_difference']:+.4f} [{low:+.4f}, {high:+.4f}]  "
            f"{row['in_seed_standard_deviations']:+.2f} sd"
        )


if __name__ == "__main__":
    main()
