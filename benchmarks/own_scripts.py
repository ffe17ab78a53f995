"""How good is the answer for a training script of one's own: Warmboot beside what people do instead.

    python benchmarks/own_scripts.py [--script lstm] [--searches 5] [--pairs 4] [--auto] [--only METHOD]

The scripts and study files are in `benchmarks/own_scripts/`: GPT-2 under the Hugging Face Trainer with AdamW,
a net with BatchNorm under Lightning with SGD that trains by epochs, and an LSTM in a plain loop with Adam.
Each search's answer is trained on fresh seeds that no search has used and judged by its test loss. What
was measured is merged into `benchmarks/records/own_scripts.json` after each method on each script, so
scripts may be measured by two processes at once and methods anew.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from filelock import FileLock
from machine import describe_machine
from own_script_methods import AUTO, FIRST_FRESH_SEED, METHODS, NAMES, Answer, Script

import warmboot

RECORD = Path(__file__).parent / "records" / "own_scripts.json"
LOCK = Path(tempfile.gettempdir(), "warmboot_own_scripts.lock")
TOLERANCE = 1e-5


def main() -> None:
    arguments = parsed_arguments()
    quiet()
    skipped = () if arguments.auto else (AUTO,)
    methods = arguments.only or [method for method in METHODS if method not in skipped]
    for name in arguments.script or NAMES:
        script = Script(name)
        merge(name, checked(script))
        for method in methods:
            start = time.perf_counter()
            merge(name, {"methods": {method: measured(script, method, arguments.searches, arguments.pairs)}})
            say(f"{name}: {method}: {time.perf_counter() - start:.0f} s")
    print_table(json.loads(RECORD.read_text(encoding="utf-8")))


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--script", choices=NAMES, action="append", help="may be repeated; default: all")
    parser.add_argument("--searches", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=4, help="fresh seeds that judge an answer")
    parser.add_argument("--auto", action="store_true", help=f"measure {AUTO!r} too")
    parser.add_argument(
        "--only", choices=METHODS, action="append", metavar="METHOD", help="may be repeated; default: all"
    )
    return parser.parse_args()


def quiet() -> None:
    """One thread, and nothing on the terminal but this benchmark's own lines."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.disable(logging.WARNING)


def checked(script: Script) -> dict[str, Any]:
    """What a training takes, and that it is the same one in this process as under the study's command.

    Raises:
        RuntimeError: the losses differ.
    """
    low, high = script.spec.space["lr"]["low"], script.spec.space["lr"]["high"]
    schedule = warmboot.baselines()["linear_warmup"].replace(lr=(low * high) ** 0.5)
    here, there = script.trained(schedule, 0), script.under_command(schedule, 0)
    difference = max(abs(here.val - there.val), abs(here.test - there.test))
    if not difference <= TOLERANCE:
        raise RuntimeError(f"{script.name}: {here} in this process, {there} under the command")
    return {
        "total_steps": script.spec.horizon_steps,
        "space": script.spec.space,
        "seconds_per_run": {
            "in this process": round(here.seconds, 2),
            "as a process": round(there.seconds, 2),
        },
    }


def measured(script: Script, method: str, n_searches: int, n_pairs: int) -> dict[str, Any]:
    """The answers of some searches by one method, and their test losses on fresh seeds."""
    found: dict[int, list[Answer]] = {}
    for number in range(n_searches):
        for budget, answer in METHODS[method](script, number).items():
            found.setdefault(budget, []).append(answer)
            say(f"{script.name}: {method} @ {budget}, search {number}: {answer.schedule.describe()}")
    return {
        "command": command(),
        "date": describe_machine()["date"],
        "budgets": {str(budget): judged(script, answers, n_pairs) for budget, answers in found.items()},
    }


def judged(script: Script, answers: list[Answer], n_pairs: int) -> dict[str, Any]:
    """The entry of one method at one budget; every list has an element for each search."""
    losses = np.array(
        [
            [script.trained(answer.schedule, FIRST_FRESH_SEED + j).test for j in range(n_pairs)]
            for answer in answers
        ]
    )
    means = losses.mean(axis=1)
    return {
        "median": round(float(np.median(means)), 5),
        "test_loss": np.round(means, 5).tolist(),
        "test_loss_by_fresh_seed": np.round(losses, 5).tolist(),
        "answers": [answer.schedule.describe() for answer in answers],
        "runs": [answer.runs for answer in answers],
        "seconds": [round(answer.seconds, 1) for answer in answers],
        **{key: [answer.notes[key] for answer in answers] for key in answers[0].notes},
    }


def merge(name: str, entry: Mapping[str, Any]) -> None:
    """Put what was measured on a script into the record; the rest of the record stays."""
    with FileLock(LOCK):
        record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
        scripts = record.get("scripts", {})
        script = scripts.get(name, {})
        methods = {**script.get("methods", {}), **entry.get("methods", {})}
        ordered = {method: methods[method] for method in METHODS if method in methods}
        scripts[name] = {**script, **entry, "seed_sd": seed_sd(ordered), "methods": ordered}
        record = {
            "command": command(),
            **describe_machine(),
            "scripts": {each: scripts[each] for each in NAMES if each in scripts},
        }
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def seed_sd(methods: Mapping[str, Any]) -> float | None:
    """Standard deviation of the test loss between the fresh seeds: the median over all answers."""
    rows = [
        row
        for method in methods.values()
        for entry in method["budgets"].values()
        for row in entry["test_loss_by_fresh_seed"]
        if len(row) > 1
    ]
    return round(float(np.median([np.std(row, ddof=1) for row in rows])), 5) if rows else None


def print_table(record: Mapping[str, Any]) -> None:
    for name, script in record["scripts"].items():
        print(f"{name}: test loss, seed sd {script['seed_sd']}")
        for method, measured_ in script["methods"].items():
            for budget, entry in measured_["budgets"].items():
                losses = " ".join(f"{loss:.4f}" for loss in sorted(entry["test_loss"]))
                print(f"  {method:38s} @ {budget:>2s}  median {entry['median']:.4f}  ({losses})")


def command() -> str:
    return " ".join(["python", *sys.argv])


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
