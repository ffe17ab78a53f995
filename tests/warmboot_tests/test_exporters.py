"""What is exported trains as the schedule says: run for real, held to `factors()`."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given

from tests.warmboot_tests.strategies import laid_out
from warmboot import curves
from warmboot.baseline_schedules import baselines
from warmboot.curves import Polynomial, register_curve
from warmboot.errors import ScheduleError
from warmboot.exporters import to_numbers, to_torch_script
from warmboot.schedule import WarmbootSchedule


@pytest.fixture
def root_curve(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(curves, "_functions", {})
    register_curve("root", lambda x: np.sqrt(1.0 - x))
    return "root"


def lrs_of_script(text: str, base_lr: float, steps: int, *arguments: int) -> list[float]:
    """The lrs that the script's scheduler trains with."""
    namespace: dict[str, Any] = {}
    exec(compile(text, "<script>", "exec"), namespace)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base_lr)
    scheduler = namespace["make_scheduler"](optimizer, *arguments)
    lrs = []
    for _ in range(steps):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return lrs


@given(laid_out(longest=120))
def test_the_torch_script_trains_as_the_schedule_says(
    laid: tuple[WarmbootSchedule, int],
) -> None:
    schedule, total_steps = laid
    lrs = lrs_of_script(to_torch_script(schedule), 0.3, total_steps + 2, total_steps)
    expected = [0.3 * schedule.factor(step, total_steps) for step in range(total_steps + 2)]
    assert lrs == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("schedule", [*baselines().values(), WarmbootSchedule(warmup_steps=30)])
def test_the_torch_script_is_exact_on_a_long_horizon(schedule: WarmbootSchedule) -> None:
    lrs = lrs_of_script(to_torch_script(schedule, total_steps=20_011), 1.0, 20_011)
    assert lrs == pytest.approx(schedule.factors(20_011).tolist(), rel=1e-12, abs=0)


def test_the_torch_script_needs_torch_only(tmp_path: Path) -> None:
    schedule = WarmbootSchedule(lr=0.2, warmup=0.1, restarts=[0.5], curve=Polynomial(power=0.7))
    script = tmp_path / "schedule.py"
    script.write_text(to_torch_script(schedule, total_steps=50, origin={"study": "char_lm"}))
    use = (
        "import sys, torch, schedule\n"
        "optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)\n"
        "scheduler = schedule.make_scheduler(optimizer)\n"
        "for _ in range(50):\n"
        "    print(repr(optimizer.param_groups[0]['lr'])); optimizer.step(); scheduler.step()\n"
        "assert 'warmboot' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", use],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    lrs = [float(line) for line in done.stdout.split()]
    assert lrs == pytest.approx(schedule.lr_table(50).tolist(), rel=1e-12, abs=0)


def test_the_header_says_what_and_whence_in_comments_alone() -> None:
    schedule = WarmbootSchedule(lr=0.31, curve="linear")
    origin = {"study": "a\nprint('code')", "trial": 7, "verdict": {"gain": 0.1}}
    lines = to_torch_script(schedule, origin=origin).split("\nimport")[0].splitlines()
    assert lines[0] == ("# A learning-rate schedule made by warmboot: linear to 0, peak lr 0.31.")
    assert '# "study": "a\\nprint(\'code\')"' in lines
    assert '# "trial": 7' in lines
    assert "# Build the optimizer with lr=0.31." in lines
    assert all(line.startswith("#") or not line for line in lines)


def test_the_script_refuses_a_horizon_without_room() -> None:
    text = to_torch_script(WarmbootSchedule(restarts=[0.5, 0.51]))
    with pytest.raises(ValueError, match="10 steps are too few"):
        lrs_of_script(text, 1.0, 10, 10)
    with pytest.raises(ScheduleError, match="every cycle needs at least one step"):
        to_torch_script(WarmbootSchedule(restarts=[0.5, 0.51]), total_steps=10)


def test_a_registered_curve_becomes_a_table_which_says_so(root_curve: str) -> None:
    schedule = WarmbootSchedule(curve=root_curve, warmup=0.1)
    text = to_torch_script(schedule, total_steps=40)
    assert "The curve 'root' is a function of its author's, which this file cannot hold" in text
    expected = [schedule.factor(step, 40) for step in range(45)]
    assert lrs_of_script(text, 1.0, 45) == expected
    with pytest.raises(ValueError, match="this table is for 40 steps, not 41"):
        lrs_of_script(text, 1.0, 41, 41)


def test_a_table_needs_a_horizon(root_curve: str) -> None:
    with pytest.raises(ScheduleError, match="becomes a table, which needs a horizon"):
        to_torch_script(WarmbootSchedule(curve=root_curve))


@given(laid_out(longest=60))
def test_numbers_read_back_to_the_same_floats(laid: tuple[WarmbootSchedule, int]) -> None:
    schedule, total_steps = laid
    lines = to_numbers(schedule, total_steps).splitlines()
    assert [float(line) for line in lines] == schedule.factors(total_steps).tolist()
    with_lr = to_numbers(schedule.replace(lr=0.3), total_steps, with_lr=True)
    expected = schedule.replace(lr=0.3).lr_table(total_steps).tolist()
    assert [float(line) for line in with_lr.splitlines()] == expected


def test_numbers_with_lr_need_an_lr() -> None:
    with pytest.raises(ScheduleError, match="has no lr; give it one"):
        to_numbers(WarmbootSchedule(), 5, with_lr=True)
