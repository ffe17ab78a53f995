"""The methods that `own_scripts.py` compares on a training script, and the script as they see it.

Plain methods train in this process, where equal runs are trained once; Warmboot starts the script as a
user's study does.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import json
import math
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState
from sqlalchemy.engine import make_url

import warmboot
from search.spec.study import StudySpec
from search.spec.study_file import read_study_file
from search.storage.database import open_for_reading
from search.storage.study_record import find_study
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange

SCRIPTS = Path(__file__).parent / "own_scripts"
NAMES = ("trainer", "lightning_bn", "lstm")
BUDGETS = (8, 16)
FIRST_SEARCH_SEED, FIRST_FRESH_SEED = 1000, 9000
"""Seeds of trainings: in a plain search its own for all, for judging one after the other. A study draws its
own from 32 bits."""


@dataclass(frozen=True)
class Trained:
    """One training to its end: losses, NaN where it diverged, and seconds of one processor core."""

    schedule: WarmbootSchedule
    val: float
    test: float
    seconds: float


@dataclass(frozen=True)
class Answer:
    """What a search found and what it took.

    `seconds` are those of one processor core: of a launch with all its processes, or for plain methods of
    their trainings in this process.
    """

    schedule: WarmbootSchedule
    runs: float
    seconds: float
    notes: Mapping[str, Any] = field(default_factory=dict)


class Script:
    """A training script of `own_scripts/` with its study file."""

    def __init__(self, name: str) -> None:
        self.name, self.study = name, SCRIPTS / f"{name}.toml"
        self.spec: StudySpec = read_study_file(self.study)
        self._known: dict[tuple[WarmbootSchedule, int], Trained] = {}
        if str(SCRIPTS) not in sys.path:
            sys.path.insert(0, str(SCRIPTS))
        self._train: Callable[[WarmbootSchedule, int], tuple[float, float]]
        self._train = importlib.import_module(name).train

    def trained(self, schedule: WarmbootSchedule, seed: int) -> Trained:
        """One training in this process; the same one again is remembered."""
        if (schedule, seed) not in self._known:
            start = time.process_time()
            with contextlib.redirect_stdout(io.StringIO()):
                val, test = self._train(schedule, seed)
            run = Trained(schedule, val, test, time.process_time() - start)
            self._known[schedule, seed] = run
        return self._known[schedule, seed]

    def under_command(self, schedule: WarmbootSchedule, seed: int) -> Trained:
        """The same training by the study's command in a process of its own, its start included."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "schedule.json")
            warmboot.write(warmboot.ScheduleFile(schedule), file)
            command = [sys.executable, f"{self.name}.py", "--seed", str(seed)]
            start = processes_seconds()
            out = run_in_scripts(command, {"WARMBOOT_SCHEDULE": str(file)})
            seconds = processes_seconds() - start
        _, val, _, test = out.split()[-4:]
        return Trained(schedule, float(val), float(test), seconds)


Search = Callable[[Script, int], Mapping[int, Answer]]
"""From a script and the number of the search to the answers by budget, in full runs."""


def launched(script: Script, number: int, *, auto: bool) -> Mapping[int, Answer]:
    """A real launch for each budget, on an empty database, and its exported answer."""
    return {n_runs: _launched(script, number, n_runs, auto=auto) for n_runs in BUDGETS}


def _launched(script: Script, number: int, n_runs: int, *, auto: bool) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder, "study.toml")
        study.write_text(study_text(script, number, n_runs, auto=auto), encoding="utf-8")
        storage = f"sqlite:///{folder}/warmboot.db"
        variables = {"WARMBOOT_STORAGE": storage}
        command = [sys.executable, "-m", "search"]
        start = processes_seconds()
        run_in_scripts([*command, "launch", str(study), "--workers", "1"], variables)
        seconds = processes_seconds() - start
        (status,) = json.loads(run_in_scripts([*command, "status", script.name, "--json"], variables))
        text = run_in_scripts([*command, "export", script.name, "--format", "json"], variables)
        record = find_study(open_for_reading(make_url(storage)), script.name)
        confirmation = record.attributes.get("confirmation") or {}
        trials = record.load().get_trials(deepcopy=False)
    confirming = sum(len(row) for row in confirmation.get("values", {}).values())
    notes = {
        "trials": dict(status["trials"]),
        "confirming_runs": confirming,
        "ended_early": status["plateau"],
        "lrs_tried": [round(float(t.params["lr"]), 6) for t in trials if "lr" in t.params],
    }
    schedule = warmboot.reads(text).schedule
    return Answer(schedule, round(float(status["runs_used"]), 3), seconds, notes)


def study_text(script: Script, number: int, n_runs: int, *, auto: bool) -> str:
    """The script's study file for one search; `auto` leaves the range of the peak lr to the search."""
    text = script.study.read_text(encoding="utf-8")
    changes = {"n_runs": str(n_runs), "seed": str(number)}
    if auto:
        changes["lr"] = '"auto"'
    for key, value in changes.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert count == 1, f"{script.study} has {count} lines for {key}"
    return text


def run_in_scripts(command: Sequence[str], variables: Mapping[str, str]) -> str:
    """Run a command in the folder of the scripts, one torch thread a process; its stdout."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PATH": path, **variables}
    done = subprocess.run(command, cwd=SCRIPTS, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return done.stdout


def processes_seconds() -> float:
    """Processor time of the processes that this one has started and that have ended, theirs included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def grid(script: Script, number: int, *, shape: str, k: int, budget: int) -> Mapping[int, Answer]:
    """A known shape at `k` peak lrs over the study's range, the offset drawn; one run each."""
    field = script.spec.parsed_space.lr
    assert isinstance(field, FloatRange)
    offset = float(np.random.default_rng([number, k]).random())
    lrs = [field.low * (field.high / field.low) ** ((i + offset) / k) for i in range(k)]
    schedules = [warmboot.baselines()[shape].replace(lr=lr) for lr in lrs]
    return {budget: best([script.trained(each, FIRST_SEARCH_SEED + number) for each in schedules])}


def plain_optuna(
    script: Script, number: int, *, sampler: Callable[[int], optuna.samplers.BaseSampler]
) -> Mapping[int, Answer]:
    """One of Optuna's samplers on the study's space; smaller budgets are read off the largest.

    TPE and GP begin with the same 10 random trials where they have the same seed.
    """
    study = optuna.create_study(sampler=sampler(number))
    runs: list[Trained] = []
    for _ in range(max(BUDGETS)):
        trial = study.ask()
        run = script.trained(warmboot.suggest_schedule(trial, script.spec.space), FIRST_SEARCH_SEED + number)
        if math.isfinite(run.val):
            study.tell(trial, run.val)
        else:
            study.tell(trial, state=TrialState.FAIL)
        runs.append(run)
    return {budget: best(runs[:budget]) for budget in BUDGETS}


def best(runs: Sequence[Trained]) -> Answer:
    """The run with the lowest validation loss."""
    chosen = min(runs, key=lambda run: run.val if math.isfinite(run.val) else math.inf)
    return Answer(chosen.schedule, len(runs), sum(run.seconds for run in runs))


AUTO = "warmboot, lr auto"
METHODS: Mapping[str, Search] = {
    "warmboot": functools.partial(launched, auto=False),
    AUTO: functools.partial(launched, auto=True),
    "grid: linear with 5% warm-up, 7 lrs": functools.partial(grid, shape="linear_warmup", k=7, budget=8),
    "grid: linear with 5% warm-up, 13 lrs": functools.partial(grid, shape="linear_warmup", k=13, budget=16),
    "grid: linear, 7 lrs": functools.partial(grid, shape="linear", k=7, budget=8),
    "grid: cosine, 7 lrs": functools.partial(grid, shape="cosine", k=7, budget=8),
    "TPE": functools.partial(plain_optuna, sampler=lambda seed: optuna.samplers.TPESampler(seed=seed)),
    "GP": functools.partial(plain_optuna, sampler=lambda seed: optuna.samplers.GPSampler(seed=seed)),
}
