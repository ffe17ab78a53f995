"""The three example trainings: how little changes, and that a search reaches each of them."""

from __future__ import annotations

import difflib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState

import warmboot
from tests.search_tests.commands.workplace import Workplace

OWN_TRAINING = Path(__file__).parent.parent / "examples" / "own_training"
MOST_CHANGED_LINES = 6
SHORTER = {"resnet": ("--steps", "40"), "detector": ("--epochs", "4")}


@pytest.mark.parametrize("name", ["resnet", "gpt", "detector"])
def test_a_script_needs_at_most_six_changed_lines(name: str) -> None:
    plain, changed = (
        (OWN_TRAINING / name / file).read_text().splitlines() for file in ("plain.py", "train.py")
    )
    opcodes = difflib.SequenceMatcher(a=plain, b=changed, autojunk=False).get_opcodes()
    written = [line for tag, _, _, i, j in opcodes if tag != "equal" for line in changed[i:j] if line.strip()]
    assert 0 < len(written) <= MOST_CHANGED_LINES, written


@pytest.mark.parametrize("name", ["resnet", "detector", "numpy"])
def test_a_search_trains_the_script_and_the_script_trains_with_the_answer(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / name
    shutil.copytree(OWN_TRAINING / name, folder, ignore=shutil.ignore_patterns("cifar", "__pycache__"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")
    if name == "resnet":
        subprocess.run([sys.executable, "make_data.py", "cifar"], cwd=folder, check=True)
    place = Workplace(folder)
    study = shorter((folder / "study.toml").read_text())
    (folder / "study.toml").write_text(f"{study}\n[confirmation]\nleaders = 0\n")
    place.run("launch", "study.toml", "--n-trials", "1", "--workers", "1")
    trials = place.trials(name)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE]
    assert trials[0].user_attrs["schedule"]
    place.run("export", name, "-o", "schedule.json")
    assert warmboot.read(folder / "schedule.json").schedule.lr is not None, "it is the user's own model"
    monkeypatch.setenv("WARMBOOT_SCHEDULE", str(folder / "schedule.json"))
    command = [sys.executable, "train.py", *SHORTER.get(name, ())]
    out = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    assert "val" in out.stdout


def shorter(study: str) -> str:
    """The example's study with trainings of 40 steps, the fewest that its space allows."""
    for whole, part in (("total_steps = 60", "total_steps = 40"), ("total_steps = 80", "total_steps = 40")):
        study = study.replace(whole, part)
    return study.replace("--epochs 8", "--epochs 4")
