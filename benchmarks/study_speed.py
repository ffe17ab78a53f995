"""Whole studies beside the floor and beside plain Optuna, and what the search costs for a trial.

    python benchmarks/study_speed.py [--repetitions 3] [--studies char_lm digits mnist1d]

Of each study, interleaved: `warmboot launch` with two workers, its plateau off and nothing confirmed; the
same trainings through the population in two processes with no search at all (the floor); and
`plain_optuna.py`, two processes on one SQLite file. Start-up (until the first run begins) is told apart.
Besides: the CPU time of planning a round at trial 50, 200, 1,000 and 5,000; how long `--help`, `status` and
the first trained step take. Writes `benchmarks/records/study_speed.json`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from machine import describe_machine
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.runs.trial_attributes import HORIZON_STEPS, PROPOSAL, PURPOSE, SEED_INDEX, kept
from search.spec.study_file import find_study_file, read_study_file
from search.strategy.rounds import knowledge
from search.worker.planner import make_strategy

RECORD = Path(__file__).parent / "records" / "study_speed.json"
TRIALS: Mapping[str, int] = {"char_lm": 200, "digits": 300, "mnist1d": 150}
PROCESSES, SLOTS = 2, 8
PLANNED_AT = (50, 200, 1000, 5000)
FLOOR = """
import json, sys, time
import torch
from search.population.make import make_population
from search.proxies import build_proxy
from search.runs.run import Run
from search.runs.seeds import run_seed
from search.worker.trial_runs import report_steps
from warmboot import WarmbootSchedule
torch.set_num_threads(1)
name, slots, horizons = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
population = make_population(build_proxy(name, {}), slots=slots, device="cpu")
schedule, waiting = WarmbootSchedule(lr=0.1, curve="linear"), list(enumerate(horizons))
print("begins", time.time(), flush=True)
while waiting or population.active:
    while waiting and population.free_slots:
        key, steps = waiting.pop(0)
        seed, table = run_seed(0, key), schedule.lr_table(steps)
        population.untrained(seed)
        population.admit(Run(key=key, lr_table=table, seed=seed, report_steps=report_steps(steps)))
    population.advance()
print("ends", time.time(), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--studies", nargs="*", choices=[*TRIALS], default=[*TRIALS])
    parser.add_argument("--no-record", action="store_true")
    arguments = parser.parse_args()
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in arguments.studies}
    for _ in range(arguments.repetitions):
        for name in arguments.studies:
            ours = launched(name)
            rows[name].append(ours | floor(name, ours.pop("horizons")) | plain(name))
            print(name, json.dumps(rows[name][-1]), file=sys.stderr, flush=True)
    record = {
        "command": " ".join(["python", *sys.argv]),
        **describe_machine(),
        "processes": PROCESSES,
        "slots": SLOTS,
        "studies": {name: {"medians": medians(found), "each": found} for name, found in rows.items()},
        "planning_cpu_ms_per_trial": {n: round(planning_ms(n), 2) for n in PLANNED_AT},
        "seconds_of_commands": commands(),
    }
    print(json.dumps(record, indent=1))
    if not arguments.no_record:
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def launched(name: str) -> dict[str, Any]:
    """A study by the real command; the horizons of its trainings besides, for the floor."""
    with tempfile.TemporaryDirectory() as folder:
        text = find_study_file(name).read_text(encoding="utf-8")
        text += "\n[early_stopping]\nplateau = false\n\n[confirmation]\nleaders = 0\n"
        path = Path(folder, f"{name}.toml")
        path.write_text(text, encoding="utf-8")
        storage = f"sqlite:///{folder}/a.db"
        began = time.time()
        command = [sys.executable, "-m", "search", "launch", str(path), "--storage", storage]
        workers = ["--n-trials", str(TRIALS[name]), "--workers", str(PROCESSES)]
        subprocess.run([*command, *workers], check=True, capture_output=True)
        ended = time.time()
        trials = optuna.load_study(study_name=name, storage=storage).trials
    spans = [(t.datetime_start, t.datetime_complete) for t in trials]
    starts = [start.timestamp() for start, _ in spans if start is not None]
    ends = [end.timestamp() for _, end in spans if end is not None]
    return {
        "horizons": [t.user_attrs[HORIZON_STEPS] for t in trials],
        "ours_whole_seconds": round(ended - began, 1),
        "ours_startup_seconds": round(min(starts) - began, 1),
        "ours_search_seconds": round(max(ends) - min(starts), 1),
    }


def floor(name: str, horizons: list[int]) -> dict[str, Any]:
    """The same trainings in two processes, from the first step of either to the last of both."""
    proxy = read_study_file(find_study_file(name)).proxy.name
    halves = [horizons[i::PROCESSES] for i in range(PROCESSES)]
    commands = [[sys.executable, "-c", FLOOR, proxy, str(SLOTS), json.dumps(half)] for half in halves]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    told = [process.communicate()[0].split() for process in running]
    assert all(process.returncode == 0 for process in running)
    seconds = max(float(words[3]) for words in told) - min(float(words[1]) for words in told)
    return {"floor_seconds": round(seconds, 1)}


def plain(name: str) -> dict[str, Any]:
    """Plain Optuna, from its first trial's start to its last one's end."""
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/plain.db"
        optuna.create_study(study_name=name, storage=storage)
        share = str(TRIALS[name] // PROCESSES)
        command = [sys.executable, str(Path(__file__).with_name("plain_optuna.py")), name, storage, share]
        running = [subprocess.Popen(command) for _ in range(PROCESSES)]
        assert all(process.wait() == 0 for process in running)
        trials = optuna.load_study(study_name=name, storage=storage).trials
    starts = [t.datetime_start.timestamp() for t in trials if t.datetime_start is not None]
    ends = [t.datetime_complete.timestamp() for t in trials if t.datetime_complete is not None]
    return {"plain_optuna_seconds": round(max(ends) - min(starts), 1)}


def medians(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Of each figure; and how ours compares within a repetition."""
    found = {key: statistics.median(row[key] for row in rows) for key in rows[0]}
    ratios = {
        "times_the_floor": [row["ours_search_seconds"] / row["floor_seconds"] for row in rows],
        "plain_optuna_times_ours": [row["plain_optuna_seconds"] / row["ours_search_seconds"] for row in rows],
        "plain_optuna_times_the_floor": [row["plain_optuna_seconds"] / row["floor_seconds"] for row in rows],
    }
    return found | {key: round(statistics.median(values), 2) for key, values in ratios.items()}


def planning_ms(n_trials: int) -> float:
    """CPU time of a round's proposals for each of its trials, in a study of so many."""
    spec = read_study_file(find_study_file("char_lm"))
    spec = spec.model_copy(update={"n_trials": max(200, n_trials + 100)})
    strategy, trials, rounds = make_strategy(spec), list[FrozenTrial](), spec.rounds
    assert rounds is not None
    rng = np.random.default_rng(0)
    while len(trials) < min(n_trials, 60):
        for known in knowledge(trials, rounds):
            proposals = list(itertools.islice(strategy.round(known, rounds.size), rounds.size))
            if proposals:
                trials += [_ended(len(trials) + i, proposal, rng) for i, proposal in enumerate(proposals)]
                break
    while len(trials) < n_trials:  # more of the same, elsewhere
        twin = trials[int(rng.integers(12, 60))]
        params = dict(kept(twin, PROPOSAL)) | {"lr": float(np.exp(rng.normal(-1.4, 0.4)))}
        params["lr"] = min(max(params["lr"], 0.011), 2.9)
        trials.append(_again(len(trials), twin, params, rng))
    known = next(knowledge(trials, rounds))
    list(itertools.islice(strategy.round(known, rounds.size), rounds.size))  # fits the scales
    began = time.process_time()
    found = list(itertools.islice(strategy.round(known, rounds.size), rounds.size))
    return 1000 * (time.process_time() - began) / len(found)


def _ended(number: int, proposal: Any, rng: np.random.Generator) -> FrozenTrial:
    attributes = {
        PROPOSAL: dict(proposal.params),
        PURPOSE: proposal.purpose,
        HORIZON_STEPS: proposal.horizon_steps,
        SEED_INDEX: 0,
    }
    away = float(np.log(proposal.params["lr"] / 0.25))
    trial = create_trial(
        state=TrialState.COMPLETE, value=2.1 + 0.05 * away**2 + 0.01 * rng.normal(), user_attrs=attributes
    )
    trial.number = number
    return trial


def _again(number: int, twin: FrozenTrial, params: dict[str, Any], rng: np.random.Generator) -> FrozenTrial:
    away = float(np.log(params["lr"] / 0.25))
    trial = create_trial(
        state=TrialState.COMPLETE,
        value=2.1 + 0.05 * away**2 + 0.01 * rng.normal(),
        user_attrs={**twin.user_attrs, PROPOSAL: params},
    )
    trial.number = number
    return trial


def commands() -> dict[str, float]:
    """Whole processes on an empty storage, the median of five."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "WARMBOOT_STORAGE": f"sqlite:///{folder}/a.db"}
        detach = [sys.executable, "-m", "search", "launch", "char_lm", "--detach"]
        subprocess.run(detach, check=True, env=environment, capture_output=True)
        found = {}
        for name in ("--help", "status"):
            seconds = []
            for _ in range(5):
                began = time.perf_counter()
                command = [sys.executable, "-m", "search", name]
                subprocess.run(command, check=True, env=environment, capture_output=True)
                seconds.append(time.perf_counter() - began)
            found[name] = round(statistics.median(seconds), 2)
    return found


if __name__ == "__main__":
    main()
