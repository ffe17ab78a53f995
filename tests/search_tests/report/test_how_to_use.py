"""What a report tells to paste, pasted."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from search.report.how_to_use import how_to_use
from search.results.candidate import Candidate
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

ANSWER = Candidate(
    key="best",
    schedule=WarmbootSchedule(lr=0.1),
    trial_numbers=(4,),
    searched=(2.0,),
    params={"weight_decay": 0.01, "kind": "it's"},
)
SCRIPT = "import json, os, sys; print(json.dumps([os.environ['WARMBOOT_SCHEDULE'], *sys.argv[1:]]))"


def told(command: str) -> list[str]:
    params = {"weight_decay": {"low": 1e-5, "high": 1e-1, "log": True}, "kind": ["it's"]}
    return how_to_use(study_spec(proxy={"command": command}, params=params), ANSWER).splitlines()


def test_a_command_runs_as_it_stands_with_the_answers_hyperparameters(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    python = shlex.quote(sys.executable)
    exported, note, line = told(
        f"{python} train.py --steps {{total_steps}} --seed={{seed}} --wd {{weight_decay}} --kind {{kind}} "
        "--note '{{x}} y'"
    )
    assert exported == "warmboot export small --total-steps 100 -o schedule.json"
    assert note == "# in the folder of your script; replace seed 0 as you like"
    pasted = subprocess.run(f"{note}\n{line}", shell=True, cwd=tmp_path, capture_output=True, check=True)
    words = ["--steps", "100", "--seed=0", "--wd", "0.01", "--kind", "it's", "--note", "{x} y"]
    assert json.loads(pasted.stdout) == ["schedule.json", *words]


@pytest.mark.parametrize("place", ["trial", "run", "port", "checkpoints", "total_steps"])
def test_every_place_of_a_command_is_filled_in(place: str) -> None:
    assert "{" not in told(f"python train.py {{{place}}}")[-1]


def test_a_command_without_examples_needs_no_note() -> None:
    assert told("python train.py")[1:] == ["WARMBOOT_SCHEDULE=schedule.json python train.py"]
