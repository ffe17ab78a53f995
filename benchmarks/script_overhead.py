"""What the service costs a user's own script: the same training bare, and as a trial.

    python benchmarks/script_overhead.py [--pairs 3] [--steps 1500]

The script is the ResNet of `examples/own_training`. Bare and trial take turns, with the same schedule and the
same seed. A bare run is timed from its start as a process to its end, a trial from when it was asked for to
when its result was told, by the times that Optuna keeps. Writes `benchmarks/records/script_overhead.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from machine import describe_machine

from search.runs.seeds import run_seed

RECORD = Path(__file__).parent / "records" / "script_overhead.json"
SCRIPT = Path(__file__).parent.parent / "examples" / "own_training" / "resnet"
STUDY = """
name = "overhead"
proxy = {{ command = "{python} train.py --data cifar --steps {{total_steps}} --seed {{seed}}" }}
total_steps = {steps}
n_trials = 1
[space]
lr = 0.1
warmup = 0.05
curve = "linear"
[confirmation]
leaders = 0
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1500)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, arguments.steps)
        pairs = [measure_pair(folder, i, arguments.steps) for i in range(arguments.pairs)]
    ratios = [pair["trial_seconds"] / pair["bare_seconds"] for pair in pairs]
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "steps": arguments.steps,
        "pairs": pairs,
        "overhead_percent_median": round(100 * (float(np.median(ratios)) - 1), 2),
        "overhead_percent_all": [round(100 * (ratio - 1), 2) for ratio in ratios],
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


def prepare(folder: Path, steps: int) -> None:
    for file in ("train.py", "make_data.py"):
        shutil.copy(SCRIPT / file, folder)
    (folder / "study.toml").write_text(STUDY.format(python=sys.executable, steps=steps), encoding="utf-8")
    subprocess.run([sys.executable, "make_data.py", "cifar"], cwd=folder, check=True)


def measure_pair(folder: Path, i: int, steps: int) -> dict[str, Any]:
    """Trial number `i` with its seed, then the script alone with the same schedule and seed."""
    storage = f"sqlite:///{folder}/studies.db"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WARMBOOT_STORAGE": storage}
    warmboot = [sys.executable, "-m", "search"]
    launch = [*warmboot, "launch", "study.toml", "--n-trials", str(i + 1)]
    subprocess.run(launch, cwd=folder, env=environment, check=True, capture_output=True)
    trial = optuna.load_study(study_name="overhead", storage=storage).trials[i]
    assert trial.duration is not None
    export = [*warmboot, "export", "overhead", "-o", "schedule.json"]
    subprocess.run(export, cwd=folder, env=environment, check=True, capture_output=True)
    seed = int(np.random.SeedSequence(run_seed(0, i)).generate_state(1, np.uint32)[0])
    bare = [sys.executable, "train.py", "--data", "cifar", "--steps", str(steps), "--seed", str(seed)]
    environment["WARMBOOT_SCHEDULE"] = "schedule.json"
    start = time.perf_counter()
    out = subprocess.run(bare, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    last = float(out.stdout.split()[-1])
    return {
        "trial_seconds": round(trial.duration.total_seconds(), 2),
        "bare_seconds": round(seconds, 2),
        "trial_value": trial.value,
        "bare_value": last,
    }


if __name__ == "__main__":
    main()
