"""The parts `study:STUDY` and `waves` of `gpu.py`: a study from its command on, runs of unequal lengths."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna
from gpu_measuring import Tell, attempted, timed_run, wait
from optuna.trial import FrozenTrial, TrialState

from search.population.make import make_population
from search.proxies.registry import build_proxy
from search.runs.run import Run
from search.runs.trial_attributes import HORIZON_STEPS
from search.spec.study_file import find_study_file, read_study_file

WAVES_PROXY = "char_lm_mlp"
SPREAD = 0.6
"""Of the logarithm of the runs' lengths, about a median."""


def study(name: str, *, device: str, ends: float, tiny: bool, tell: Tell) -> None:
    """Tells how long a launch takes, and `plain_optuna.py` with as many full trainings."""
    with tempfile.TemporaryDirectory() as folder:
        path = _study_file(name, Path(folder), tiny)
        horizon = read_study_file(path).total_steps
        assert horizon is not None, "packaged studies say their horizon in steps"
        ours = attempted(tell, "warmboot", lambda: launched(path, Path(folder), device, horizon))
        if isinstance(ours, dict):
            n_trials = max(1, round(float(ours["full_trainings"])))
            seconds = ends - time.monotonic() - 3
            attempted(tell, "plain_optuna", lambda: _plain(path, Path(folder), device, n_trials, seconds))


def launched(path: Path, folder: Path, device: str, horizon: int) -> dict[str, float]:
    """A whole launch, from the command to its end."""
    storage = f"sqlite:///{folder}/ours.db"
    command = [
        sys.executable,
        "-m",
        "warmboot",
        "launch",
        str(path),
        "--storage",
        storage,
        "--device",
        device,
    ]
    began = time.time()
    subprocess.run(command, check=True, capture_output=True)
    ended = time.time()
    trials = optuna.load_study(study_name=path.stem, storage=storage).trials
    starts = [trial.datetime_start.timestamp() for trial in trials if trial.datetime_start is not None]
    steps = sum(int(trial.user_attrs[HORIZON_STEPS]) for trial in trials)
    return {
        "seconds": round(ended - began, 1),
        "seconds_before_the_first_training": round(min(starts) - began, 1),
        "trials": len(trials),
        "full_trainings": round(steps / horizon, 1),
        "best": min(_values(trials)),
    }


def _plain(path: Path, folder: Path, device: str, n_trials: int, seconds: float) -> dict[str, float]:
    """The plain script with one process; where its time is up, what it has done until then."""
    storage = f"sqlite:///{folder}/plain.db"
    script = Path(__file__).with_name("plain_optuna.py")
    command = [sys.executable, str(script), str(path), storage, str(n_trials), device]
    began = time.time()
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(command, check=True, capture_output=True, timeout=seconds)
    took = time.time() - began
    trials = optuna.load_study(study_name=path.stem, storage=storage).trials
    done = [trial for trial in trials if trial.state is TrialState.COMPLETE]
    return {
        "seconds": round(took, 1),
        "trainings_asked": n_trials,
        "trainings_done": len(done),
        "seconds_for_all": round(took * n_trials / len(done), 1),
        "best": min(_values(done)),
    }


def _values(trials: list[FrozenTrial]) -> list[float]:
    return [trial.value for trial in trials if trial.value is not None]


def _study_file(name: str, folder: Path, tiny: bool) -> Path:
    """The packaged one without plateau and confirmation, which the plain script has not; tiny: short."""
    lines = find_study_file(name).read_text(encoding="utf-8").splitlines()
    if tiny:
        limits = ("n_runs", "n_trials", "total_steps")
        lines = ["total_steps = 60", "n_trials = 4", *(line for line in lines if not line.startswith(limits))]
    lines += ["[early_stopping]", "plateau = false", "[confirmation]", "leaders = 0", ""]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def waves(*, device: str, ends: float, tiny: bool, tell: Tell) -> None:
    """Tells the seconds of one trace of run lengths, refilled and in waves."""
    n_runs, slots, median = (6, 2, 30) if tiny else (512, 128, 600)
    lengths = np.random.default_rng(0).lognormal(np.log(median), SPREAD, n_runs).astype(int)
    runs = [timed_run(key, max(20, int(n))) for key, n in enumerate(lengths)]
    tell(
        "runs",
        {"count": n_runs, "slots": slots, "shortest": int(lengths.min()), "longest": int(lengths.max())},
    )
    refilled = attempted(tell, "refilled_seconds", lambda: _trained_seconds(runs, slots, device, refill=True))
    in_waves = attempted(tell, "waves_seconds", lambda: _trained_seconds(runs, slots, device, refill=False))
    if isinstance(refilled, float) and isinstance(in_waves, float):
        tell("waves_times_refilled", round(in_waves / refilled, 2))


def _trained_seconds(runs: list[Run], slots: int, device: str, *, refill: bool) -> float:
    population = make_population(build_proxy(WAVES_PROXY, {}), slots=slots, device=device)
    waiting = list(reversed(runs))
    population.admit(timed_run(len(runs), 40))
    while population.active:  # what is made once is made before
        population.advance()
    wait(device)
    began = time.perf_counter()
    while waiting or population.active:
        if refill or not population.active:
            while waiting and population.free_slots:
                population.admit(waiting.pop())
        population.advance()
    wait(device)
    return round(time.perf_counter() - began, 3)
