"""An interrupted contest has what was trained from its checkpoints; one that ends, or fails, leaves none."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from search.checkpoints.study_folder import StudyCheckpoints
from search.errors import RunError
from search.spec.study import StudySpec
from search.training.batch import Arms, PlannedRun
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

SCRIPT = """
import pathlib, sys, warmboot
lr = warmboot.lr(0.1, 100)
saved = warmboot.checkpoint_dir() / "done"
log = pathlib.Path(sys.argv[1])
log.write_text(log.read_text() + ("again\\n" if saved.exists() else "first\\n"))
saved.touch()
lr(99)
warmboot.report(100, val=1.0)
if log.with_name("fails").exists():
    raise SystemExit(3)
"""


def planned(seed: int) -> PlannedRun:
    schedule = WarmbootSchedule(lr=0.1, curve="linear")
    return PlannedRun(schedule=schedule, params={}, seed=(0, 3, seed), total_steps=100, test=False)


@pytest.fixture
def spec(tmp_path: Path) -> StudySpec:
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "log").touch()
    words = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "log")]
    return study_spec(proxy={"command": shlex.join(words)}, objective="val")


def test_what_is_saved_outlives_an_interruption_and_no_end(spec: StudySpec, tmp_path: Path) -> None:
    checkpoints = StudyCheckpoints(tmp_path / "study", max_bytes=10**9)

    def contest(interrupted: bool) -> None:
        with Arms(spec, "cpu", lambda _: None, checkpoints=checkpoints) as arms:
            arms.train([planned(0), planned(1)])
            if interrupted:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        contest(interrupted=True)
    contest(interrupted=False)
    assert (tmp_path / "log").read_text().split() == ["first", "first"], "whole trainings were reported"
    assert not checkpoints.folder.exists()


def test_what_a_failed_training_has_saved_is_removed(spec: StudySpec, tmp_path: Path) -> None:
    checkpoints = StudyCheckpoints(tmp_path / "study", max_bytes=10**9)
    (tmp_path / "fails").touch()
    for _ in range(2):
        arms = Arms(spec, "cpu", lambda _: None, checkpoints=checkpoints)
        with pytest.raises(RunError, match="a training failed: exit code 3"), arms:
            arms.train([planned(0)])
    assert (tmp_path / "log").read_text().split() == ["first", "first"]
