"""Killed, interrupted, stopped, doubled: no trial is lost and none is made up."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing

import psutil
import pytest
import torch
from optuna.trial import FrozenTrial, TrialState

from search.population.population import Population
from search.proxies.registry import build_proxy
from search.results.candidate import schedule_of
from search.runs.run import Run
from search.runs.seeds import run_seed
from search.spec.study_file import read_study_file
from tests.search_tests.commands.workplace import Workplace
from tests.search_tests.patience import PATIENCE_SECONDS


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert process.poll() is None, f"ended too early: {process.communicate()}"
        assert time.monotonic() < deadline
        time.sleep(0.05)


def states(workplace: Workplace) -> list[TrialState]:
    """Read with one SELECT: opening the storage anew each time would take half of a core from the launch."""
    address = f"file:{workplace.folder}/studies.db?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute("SELECT state FROM trials ORDER BY number").fetchall()
    except sqlite3.OperationalError:
        return []  # the study is not there yet
    return [TrialState[state] for (state,) in rows]


def under_way(workplace: Workplace, done: int = 3) -> Callable[[], bool]:
    def condition() -> bool:
        now = states(workplace)
        return now.count(TrialState.COMPLETE) >= done and TrialState.RUNNING in now

    return condition


def retrained_value(workplace: Workplace, trial: FrozenTrial) -> float:
    """The value that an uninterrupted training of the trial gives."""
    torch.set_num_threads(1)
    spec = read_study_file(workplace.folder / "small.toml")
    population = Population(build_proxy("char_lm_mlp", {}), slots=1)
    schedule = schedule_of(spec.parsed_space, trial.params)
    population.admit(
        Run(
            key="again",
            lr_table=schedule.lr_table(spec.horizon_steps),
            seed=run_seed(spec.seed, trial.user_attrs["seed"]),
            report_steps=(spec.horizon_steps,),
        )
    )
    (measurement,) = population.advance()
    return measurement.metrics["val_loss"]


def test_after_kill_minus_9_the_same_command_goes_on_and_loses_nothing(workplace: Workplace) -> None:
    workplace.write_study(n_trials=16, total_steps=400)
    process = workplace.start("launch", "small.toml", "--workers", "1")
    wait_until(under_way(workplace), process)
    for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        each.kill()
    process.communicate()
    left = {t.number: t for t in workplace.trials() if t.state == TrialState.RUNNING}
    assert left, "no trial was hit"

    workplace.run("launch", "small.toml", "--workers", "1")

    trials = workplace.trials()
    assert [t.number for t in trials] == list(range(16))
    assert all(t.state == TrialState.COMPLETE for t in trials)
    for number, before in left.items():
        assert trials[number].params.items() >= before.params.items(), "a trial keeps its parameters"
    hit = trials[next(iter(left))]
    assert hit.value == retrained_value(workplace, hit)


def test_a_killed_worker_is_replaced_and_its_trials_are_finished(workplace: Workplace) -> None:
    workplace.write_study(n_trials=16, total_steps=400)
    process = workplace.start("launch", "small.toml", "--workers", "1")
    wait_until(under_way(workplace), process)
    workers = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]
    assert len(workers) == 1
    workers[0].kill()
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    assert "a worker process was lost (exit code -9)" in err
    assert [t.state for t in workplace.trials()] == [TrialState.COMPLETE] * 16


def test_two_launches_at_once_share_one_exact_total(workplace: Workplace) -> None:
    workplace.write_study(n_trials=20, total_steps=100)
    both = [workplace.begin("launch", "small.toml", "--workers", "1") for _ in range(2)]
    for launch in both:
        assert "20 of 20 trials done" in workplace.finish(launch).stderr
    trials = workplace.trials()
    assert [t.number for t in trials] == list(range(20))
    assert all(t.state == TrialState.COMPLETE for t in trials)
    trained = [(*sorted(t.params.items()), t.user_attrs["seed"]) for t in trials]
    assert len(set(trained)) == len(trained), "two workers trained the same"


@pytest.mark.parametrize(
    ("sent", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_an_interrupted_launch_hands_its_trials_back(
    workplace: Workplace, sent: signal.Signals, exit_code: int
) -> None:
    workplace.write_study(n_trials=400, total_steps=400)
    process = workplace.start("launch", "small.toml", "--workers", "1")
    wait_until(under_way(workplace), process)
    # a terminal sends Ctrl-C, and that it is closed, to the whole group of processes
    (os.kill if sent == signal.SIGTERM else os.killpg)(process.pid, sent)
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == exit_code, err
    assert "Traceback" not in err
    assert "interrupted: trials in training were handed back" in err
    assert TrialState.RUNNING not in states(workplace)
    assert TrialState.WAITING in states(workplace)


def test_stop_ends_a_study_gently_and_the_next_launch_goes_on(workplace: Workplace) -> None:
    workplace.write_study(n_trials=400, total_steps=400)
    process = workplace.start("launch", "small.toml", "--workers", "1")
    wait_until(under_way(workplace), process)
    workplace.run("stop", "small")
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, err
    assert "stopped" in err
    stopped = states(workplace)
    assert all(state.is_finished() for state in stopped), "what was begun is finished"

    workplace.run("launch", "small.toml", "--workers", "1", "--n-trials", str(len(stopped) + 2))
    assert len(states(workplace)) == len(stopped) + 2
