"""Killed and doubled: no trial is lost and none is made up."""

from __future__ import annotations

import os
import signal

import psutil
import torch
from optuna.trial import FrozenTrial, TrialState

from search.population.population import Population
from search.proxies.registry import build_proxy
from search.results.candidate import schedule_of
from search.runs.run import Run
from search.runs.seeds import run_seed
from search.spec.study_file import read_study_file
from tests.search_tests.commands.watching import at_work, under_way, wait_until
from tests.search_tests.commands.workplace import Workplace
from tests.search_tests.patience import PATIENCE_SECONDS


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
    launch = workplace.begin("launch", "small.toml", "--workers", "1")
    wait_until(under_way(workplace), launch)
    launch.kill_all()
    assert launch.result(PATIENCE_SECONDS).returncode == -9
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
    launch = workplace.begin("launch", "small.toml", "--workers", "1")
    wait_until(under_way(workplace), launch)
    (worker,) = at_work(workplace)
    children = psutil.Process(launch.process_id).children(recursive=True)
    assert worker in [child.pid for child in children]
    os.kill(worker, signal.SIGKILL)
    assert "a worker process was lost (exit code -9)" in workplace.finish(launch).stderr
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
