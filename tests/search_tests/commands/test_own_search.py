"""A project with a package `search` of its own: the command runs in it, and trains its function."""

import os
import subprocess
import sys
from pathlib import Path

import optuna
from optuna.trial import TrialState

ROOT = Path(__file__).parents[3]
STUDY = """
name = "own"
proxy = { train = "search.training:train" }
total_steps = 50
n_trials = 1
objective = "val"

[space]
lr = { low = 0.01, high = 0.1, log = true }
"""
TRAINING = """
import search
from search.data import VALUE
from warmboot import function_proxy

@function_proxy
def train(schedule, context):
    context.report(0, val=search.UNTRAINED)
    assert len(schedule.lr_table(context.total_steps)) == 50
    context.report(context.total_steps, val=VALUE)
"""


def test_a_function_in_a_package_named_search_is_trained(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    (tmp_path / "search" / "__init__.py").write_text("UNTRAINED = 3.0\n")
    (tmp_path / "search" / "data.py").write_text("VALUE = 0.125\n")
    (tmp_path / "search" / "training.py").write_text(TRAINING)
    (tmp_path / "own.toml").write_text(STUDY)
    storage = f"sqlite:///{tmp_path}/studies.db"
    done = subprocess.run(
        [sys.executable, "-m", "warmboot", "launch", "own.toml", "--storage", storage, "--workers", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f".{os.pathsep}{ROOT}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    trials = optuna.load_study(study_name="own", storage=storage).get_trials()
    assert [(trial.state, trial.value) for trial in trials] == [(TrialState.COMPLETE, 0.125)]
