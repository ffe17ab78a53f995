"""A study of 10,000 trials: how long it takes to look at, to open and to go on with, and its memory.

    python benchmarks/large_study.py [--trials 10000] [--rounds 40]

The first 60 trials are the search's own, asked and told as a worker does; the others are their shapes again
at other peak lrs, written as the product writes them, with five reports each. Then a worker's queue opens the
study, asks for more and tells, and the real commands look at it, each in a process of its own. On SQLite.
Writes `benchmarks/records/large_study.json`.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from machine import describe_machine
from optuna.trial import FrozenTrial, TrialState

from search.early_stopping.pruners import build_pruner
from search.launch.engine import LaunchOptions
from search.launch.launch import register
from search.runs.trial_attributes import PROPOSAL, RUNS, in_sight, kept, out_of_sight
from search.storage.address import parse_address
from search.storage.database import open_for_work
from search.storage.optuna_rows import EndedTrial, add_trials, end_trials, start_trials
from search.storage.planned_trial import RunningTrial
from search.storage.plans import NextTrial
from search.storage.study_record import StudyRecord
from search.storage.trial_queue import TrialQueue
from search.strategy.optuna_samplers import build_sampler
from search.worker.planner import make_plan
from search.worker.trial_runs import report_steps, trial_job

RECORD = Path(__file__).parent / "records" / "large_study.json"
STEPS, OWN, CHUNK = 600, 60, 200
STUDY = """
name = "large"
proxy = "noisy_quadratic"
total_steps = 600
n_trials = {n_trials}

[space]
lr = {{ low = 1e-2, high = 3.0, log = true }}
warmup = {{ low = 0.0, high = 0.2 }}
n_restarts = {{ low = 0, high = 3 }}
step_scale = {{ low = 0.4, high = 1.0 }}
curve = ["cosine", "linear"]

[early_stopping]
plateau = false
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--no-record", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/large.db"
        record = made(Path(folder), storage, arguments.trials + 20 * arguments.rounds)
        fill(record, arguments.trials)
        found = going_on(record, arguments.rounds)
        record.database.close()
        found |= {"file_mb": round(Path(folder, "large.db").stat().st_size / 1e6, 1), **commands(storage)}
    result = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "trials": arguments.trials,
        **found,
    }
    print(json.dumps(result, indent=1))
    if not arguments.no_record:
        RECORD.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def made(folder: Path, storage: str, n_trials: int) -> StudyRecord:
    """A new study, opened for work."""
    file = folder / "large.toml"
    file.write_text(STUDY.format(n_trials=n_trials), encoding="utf-8")
    register(str(file), LaunchOptions(storage=parse_address(storage)))
    return StudyRecord(open_for_work(parse_address(storage)), "large")


def queue_of(record: StudyRecord) -> TrialQueue:
    """As a worker opens it."""
    spec = record.spec
    pruner = build_pruner(spec.early_stopping)
    return TrialQueue(record, build_sampler(spec.sampler, 1), make_plan(record), pruner)


def train(queue: TrialQueue, record: StudyRecord, trial: RunningTrial, rng: np.random.Generator) -> None:
    """Tell what a training would have."""
    trial_job(queue, record.spec, trial)
    lr = float(dict(kept(queue.stored(trial.number), PROPOSAL)).get("lr", 0.3))
    value = loss_at(lr, rng)
    with queue.together():
        for step in report_steps(STEPS):
            queue.report(trial, step, value + 1.0 / step)
        queue.complete(trial, value, {RUNS: [curve(value)]})


def loss_at(lr: float, rng: np.random.Generator) -> float:
    """Lowest near 0.3."""
    return 2.1 + 0.05 * float(np.log(lr / 0.3)) ** 2 + 0.01 * float(rng.normal())


def curve(value: float) -> dict[str, Any]:
    """The measurements of a training, as they are kept."""
    steps = list(report_steps(STEPS))
    return {"seed": 0, "step": steps, "val_loss": [value + 1.0 / step for step in steps]}


def fill(record: StudyRecord, n_trials: int) -> None:
    """The search's own trials first, then more of the same."""
    rng, queue = np.random.default_rng(0), queue_of(record)
    while len(queue.all()) < OWN:
        for trial in queue.take(4):
            train(queue, record, trial, rng)
    own = [trial for trial in queue.all() if trial.state == TrialState.COMPLETE]
    while (count := len(queue.all())) < n_trials:
        twins = [
            again(own[int(rng.integers(12, len(own)))], rng) for _ in range(min(CHUNK, n_trials - count))
        ]
        with record.database.engine.begin() as connection:
            add_trials(connection, record.study_id, count, twins)
            numbers = range(count, count + len(twins))
            start_trials(connection, record.study_id, numbers)
            pairs = zip(numbers, twins, strict=True)
            end_trials(connection, record.study_id, [ended(number, twin, rng) for number, twin in pairs])


def again(trial: FrozenTrial, rng: np.random.Generator) -> NextTrial:
    """Its shape at another peak lr."""
    lr = min(max(float(np.exp(rng.normal(-1.2, 0.4))), 0.011), 2.9)
    params = {**trial.params, "lr": lr}
    proposal = {**dict(kept(trial, PROPOSAL)), "lr": lr}
    attributes = {**trial.user_attrs, **in_sight({PROPOSAL: proposal})}
    system = {**trial.system_attrs, **out_of_sight({PROPOSAL: proposal})}
    return NextTrial(params, attributes, trial.distributions, system)


def ended(number: int, twin: NextTrial, rng: np.random.Generator) -> EndedTrial:
    value = loss_at(float(twin.params["lr"]), rng)
    return EndedTrial(
        number=number,
        state=TrialState.COMPLETE,
        value=value,
        user_attrs={},
        system_attrs=out_of_sight({RUNS: [curve(value)]}),
        reports={step: value + 1.0 / step for step in report_steps(STEPS)},
    )


def going_on(record: StudyRecord, n_rounds: int) -> dict[str, Any]:
    """Opening the study and the first trials, then rounds after that: seconds, and memory on the way."""
    rng, began = np.random.default_rng(1), time.perf_counter()
    queue = queue_of(record)
    trials = queue.take(8)
    opened = time.perf_counter() - began
    asked, planned, memory = list[float](), list[float](), list[float]()
    for _ in range(n_rounds):
        for trial in trials:
            train(queue, record, trial, rng)
        planned.append(timed(queue.plan_ahead))
        began = time.perf_counter()
        trials = queue.take(8)
        asked.append(time.perf_counter() - began)
        memory.append(psutil.Process().memory_info().rss / 1e6)
    return {
        "seconds_to_open": round(opened, 2),
        "ms_to_ask_for_a_round": spread([1000 * seconds for seconds in asked]),
        "ms_to_plan_a_round": spread([1000 * seconds for seconds in planned]),
        "memory_mb": {"first": round(memory[0], 1), "half": round(memory[len(memory) // 2], 1)}
        | {"last": round(memory[-1], 1)},
        "trials_told_meanwhile": 8 * n_rounds,
    }


def timed(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def spread(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 1), "most": round(max(values), 1)}


def commands(storage: str) -> dict[str, float]:
    """Whole processes, the median of three."""
    return dict(_commands(storage))


def _commands(storage: str) -> Iterator[tuple[str, float]]:
    words = {
        "status": ["status", "large"],
        "status_table": ["status"],
        "export": ["export", "large", "--total-steps", "600"],
    }
    for name, arguments in words.items():
        command = [sys.executable, "-m", "search", *arguments, "--storage", storage]
        run = functools.partial(subprocess.run, command, check=True, capture_output=True)
        yield f"seconds_of_{name}", round(statistics.median(timed(run) for _ in range(3)), 2)


if __name__ == "__main__":
    main()
