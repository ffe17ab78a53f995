"""The examples run as they stand, in a process of their own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import warmboot

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_a_plain_training_script_follows_the_exported_schedule(tmp_path: Path) -> None:
    schedule = warmboot.WarmbootSchedule(warmup=0.1, restarts=[0.6], step_scale=0.5, curve="linear")
    path = tmp_path / "schedule.json"
    warmboot.write(warmboot.ScheduleFile(schedule, warmboot.Horizon(100)), path)
    script = [sys.executable, "-W", "error", str(EXAMPLES / "train.py"), str(path)]
    out = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    printed = [(int(step), float(lr)) for step, lr in re.findall(r"step +(\d+)  lr (\S+)", out)]
    assert [step for step, _ in printed] == [0, 20, 40, 60, 80, 99]
    for step, lr in printed:  # printed after scheduler.step(): the lr of the next step
        assert lr == round(0.1 * schedule.factor(step + 1, 100), 5)


def test_a_study_of_ones_own_draws_schedules_and_its_best_becomes_a_file(tmp_path: Path) -> None:
    path = tmp_path / "schedule.json"
    script = [sys.executable, "-W", "error", str(EXAMPLES / "own_objective.py"), str(path)]
    out = subprocess.run(script, check=True, capture_output=True, text=True).stdout
    found = re.fullmatch(r"best (\d+\.\d+) with \{'lr': .*, 'warmup': .*\}\n", out)
    assert found is not None, out
    assert float(found[1]) < 2, "thirty trials come near the lr sum that the objective asks for"
    written = warmboot.read(path).schedule.lr_table(100)
    assert abs(written.sum() - 10.0) == pytest.approx(float(found[1]), abs=1e-3)
