"""Interrupted and stopped: what was in training is handed back or finished."""

from __future__ import annotations

import os
import signal

import pytest
from optuna.trial import TrialState

from tests.search_tests.commands.watching import states, under_way, wait_until
from tests.search_tests.commands.workplace import Workplace
from tests.search_tests.patience import PATIENCE_SECONDS


@pytest.mark.parametrize(("sent", "exit_code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_an_interrupted_launch_hands_its_trials_back(
    workplace: Workplace, sent: signal.Signals, exit_code: int
) -> None:
    workplace.write_study(n_trials=400, total_steps=400)
    process = workplace.start("launch", "small.toml", "--workers", "1")
    wait_until(under_way(workplace), process)
    os.killpg(process.pid, sent)  # a terminal sends Ctrl-C, and that it is closed, to the whole group
    _, err = process.communicate(timeout=PATIENCE_SECONDS)
    check_handed_back(workplace, err)
    assert process.returncode == exit_code, err


def test_a_launch_that_is_told_to_end_hands_its_trials_back(workplace: Workplace) -> None:
    workplace.write_study(n_trials=400, total_steps=400)
    launch = workplace.begin("launch", "small.toml", "--workers", "1")
    wait_until(under_way(workplace), launch)
    os.kill(launch.process_id, signal.SIGTERM)
    check_handed_back(workplace, workplace.finish(launch, expect=143).stderr)


def check_handed_back(workplace: Workplace, err: str) -> None:
    assert "Traceback" not in err
    assert "interrupted: trials in training were handed back" in err
    assert TrialState.RUNNING not in states(workplace)
    assert TrialState.WAITING in states(workplace)


def test_stop_ends_a_study_gently_and_the_next_launch_goes_on(workplace: Workplace) -> None:
    workplace.write_study(n_trials=400, total_steps=400)
    launch = workplace.begin("launch", "small.toml", "--workers", "1")
    wait_until(under_way(workplace), launch)
    workplace.run("stop", "small")
    assert "stopped" in workplace.finish(launch).stderr
    stopped = states(workplace)
    assert all(state.is_finished() for state in stopped), "what was begun is finished"

    workplace.run("launch", "small.toml", "--workers", "1", "--n-trials", str(len(stopped) + 2))
    assert len(states(workplace)) == len(stopped) + 2
