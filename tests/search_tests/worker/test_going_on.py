"""A worker that ends and another that takes its trial up: the training goes on from what it has saved."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from search.results.study_hash import study_hash
from search.runs.trial_attributes import REMARK, RUNS, kept
from search.storage.database import Database
from search.storage.plans import NextTrial
from search.storage.study_record import StudyRecord
from search.training.study_checkpoints import checkpoints_of
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.studies import LINEAR, make_study, open_database
from tests.search_tests.worker.working import work

SCRIPT = """
import json, os, signal, sys, time, warmboot
from warmboot.trial_files import current_trial
current_trial()
saved = warmboot.checkpoint_dir() / "state.json"
start, state = json.loads(saved.read_text()) if saved.exists() else (0, 2.0)
def save(*_):
    saved.with_name("part").write_text(json.dumps((step, state)))
    saved.with_name("part").replace(saved)
    sys.exit(143)
print("began at", start, flush=True)
if start == 0:
    warmboot.report(0, val=state)
step = start
signal.signal(signal.SIGTERM, save)
for step in range(start + 1, 101):
    state *= 0.99
    if step % 20 == 0:
        warmboot.report(step, val=state)
    while step == 47 and start == 0 and "waits" in sys.argv:
        time.sleep(0.01)
"""


def linear(_: object) -> NextTrial:
    return NextTrial(LINEAR, {})


def has_reported(step: int) -> Callable[[StudyRecord], bool]:
    return lambda record: any(step in trial.intermediate_values for trial in record.load().get_trials())


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WARMBOOT_CHECKPOINTS", str(tmp_path / "checkpoints"))
    (tmp_path / "script.py").write_text(SCRIPT)
    return tmp_path


def script_study(database: Database, root: Path, name: str, words: str = "") -> StudyRecord:
    command = f"{shlex.quote(sys.executable)} {root / 'script.py'} {words}"
    return make_study(
        database,
        name=name,
        proxy={"command": command},
        objective="val",
        n_trials=1,
        confirmation={"leaders": 0},
        population={"reproducible": False},
    )


def test_a_trial_that_is_taken_up_again_is_the_one_of_an_unbroken_training(
    database: Database, root: Path
) -> None:
    unbroken = script_study(database, root, "unbroken")
    assert work(unbroken, plan=linear) == "done"
    record = script_study(database, root, "broken", "waits")
    assert work(record, plan=linear, until=has_reported(40)) == "handed back"
    (trial,) = record.load().get_trials()
    assert trial.state.name == "WAITING"
    checkpoints = checkpoints_of(record)
    assert checkpoints is not None
    assert [file.read_text()[:3] for file in checkpoints.folder.rglob("state.json")] == ["[47"]
    assert work(record, plan=linear) == "done"
    (trial,), (other,) = record.load().get_trials(), unbroken.load().get_trials()
    assert trial.state.name == "COMPLETE"
    assert trial.value == other.value
    assert trial.intermediate_values == other.intermediate_values
    assert kept(trial, RUNS) == kept(other, RUNS)
    assert not checkpoints.folder.exists(), "its result is told"


def test_what_a_failed_training_had_saved_is_removed(database: Database, root: Path) -> None:
    (root / "script.py").write_text(SCRIPT.replace("step == 47", "1 / (step - 47)"))
    record = script_study(database, root, "failing")
    assert work(record, plan=linear) == "done"
    (trial,) = record.load().get_trials()
    assert trial.state.name == "FAIL"
    checkpoints = checkpoints_of(record)
    assert checkpoints is not None
    assert not checkpoints.folder.exists()


KILLED_WHILE_SAVING = """
import os, signal, sys
from pathlib import Path
import warmboot.whole_file
from search.checkpoints import generations
from search.population import saved_runs
from search.storage.study_record import StudyRecord
from tests.search_tests.studies import open_database
from tests.search_tests.worker.working import work
saved_runs.SAVE_EVERY_SECONDS, saved_runs.LARGEST_SHARE = 0.0, 1e9
left, before = int(sys.argv[2]), generations.write_whole
def write(path, content):
    global left
    left -= 1
    if left == 0:
        half = content[: len(content) // 2]  # torn
        Path(path).write_bytes(half if isinstance(half, bytes) else half.encode())
        os.kill(os.getpid(), signal.SIGKILL)
    before(path, content)
generations.write_whole = write
work(StudyRecord(open_database(Path(sys.argv[1])), "small"))
"""


def population_study(database: Database) -> StudyRecord:
    return make_study(
        database,
        total_steps=200,
        n_trials=6,
        confirmation={"leaders": 0},
        population={"slots": 2, "round": 2, "delay": 2},
    )


def test_a_population_that_is_killed_leaves_the_study_of_an_unbroken_one(tmp_path: Path) -> None:
    """Killed twice, in the middle of writing a state and of writing its hash."""
    (tmp_path / "unbroken").mkdir()
    unbroken = population_study(open_database(tmp_path / "unbroken"))
    assert work(unbroken) == "done"
    (tmp_path / "killed").mkdir()
    record = population_study(open_database(tmp_path / "killed"))
    for writes in ("9", "14"):
        command = [sys.executable, "-c", KILLED_WHILE_SAVING, str(tmp_path / "killed"), writes]
        killed = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
        assert killed.returncode == -9, killed.stderr.decode()
    checkpoints = checkpoints_of(record)
    assert checkpoints is not None
    assert list(checkpoints.folder.rglob("step-*.pt"))
    assert work(record) == "done"
    trials, others = record.load().get_trials(), unbroken.load().get_trials()
    assert study_hash(trials) == study_hash(others)
    assert [kept(trial, RUNS) for trial in trials] == [kept(trial, RUNS) for trial in others]
    said = [kept(trial, REMARK, "") for trial in trials]
    assert any("is not what was written: it goes on from step " in text for text in said)
    assert [trial.intermediate_values for trial in trials] == [t.intermediate_values for t in others]
    assert not checkpoints.folder.exists()
