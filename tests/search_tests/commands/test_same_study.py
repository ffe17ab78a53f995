"""One study file gives one study: the same trials and values, bit for bit, however it is run."""

from __future__ import annotations

import json
import random
import signal

import pytest
from optuna.trial import TrialState

from search.results.study_hash import study_hash
from tests.search_tests.commands.watching import states, under_way, wait_until
from tests.search_tests.commands.workplace import Workplace
from tests.search_tests.patience import PATIENCE_SECONDS

N_TRIALS = 30


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The hash of the study that one worker has trained without a break."""
    return hash_of(Workplace(tmp_path_factory.mktemp("undisturbed")), "1")


def hash_of(workplace: Workplace, workers: str) -> str:
    """Launch the study, or go on with it, and tell its hash."""
    if not (workplace.folder / "small.toml").exists():
        workplace.write_study(n_trials=N_TRIALS, total_steps=300, leaders=2)
    workplace.run("launch", "small.toml", "--workers", workers)
    (status,) = json.loads(workplace.run("status", "small", "--json").stdout)
    assert status["hash"] == study_hash(workplace.trials())
    confirmed = status["best"]["confirmed"]
    assert confirmed
    return f"{status['hash']} {confirmed}"


def test_two_workers_train_the_same_study_as_one(workplace: Workplace, undisturbed: str) -> None:
    assert hash_of(workplace, "2") == undisturbed


def test_a_study_that_was_killed_and_stopped_again_and_again_is_the_same(
    workplace: Workplace, undisturbed: str
) -> None:
    """A seeded draw tells when and how; nothing of a killed worker's leases is waited for."""
    workplace.write_study(n_trials=N_TRIALS, total_steps=300, leaders=2)
    moments = random.Random(7)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        launch = workplace.begin("launch", "small.toml", "--workers", "1")
        before = states(workplace).count(TrialState.COMPLETE)
        wait_until(under_way(workplace, done=before + moments.randint(1, 3)), launch)
        launch.kill_all(number)
        launch.result(PATIENCE_SECONDS)
    assert hash_of(workplace, "2") == undisturbed
