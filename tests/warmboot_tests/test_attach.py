"""`attach`: the trial's schedule in a search, a file's after it, and the user's own without either."""

import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LinearLR, OneCycleLR

import warmboot
from tests.warmboot_tests.trials import enter_trial
from warmboot.attaching import SCHEDULE_VARIABLE
from warmboot.errors import ScheduleError, ScheduleFileError
from warmboot.own_lr import read_own_lr
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import Horizon, ScheduleFile
from warmboot.trial_files import VARIABLE, TrialFileError

SHAPE = WarmbootSchedule(warmup=0.1, restarts=[0.6], step_scale=0.5)


@pytest.fixture(autouse=True)
def no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, SCHEDULE_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def optimizer_of(*lrs: Any, make: Any = SGD) -> Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": lr} for lr in lrs]
    optimizer: Optimizer = make(groups, lr=1.0)
    return optimizer


def train(optimizer: Optimizer, scheduler: Any, steps: int) -> list[list[float]]:
    """The lrs that were trained with."""
    used = []
    for _ in range(steps):
        used.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return used


def test_in_a_search_the_first_group_has_the_schedules_lr_and_the_ratios_stay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enter_trial(monkeypatch, tmp_path, schedule=SHAPE.replace(lr=0.3))
    optimizer = optimizer_of(0.1, 0.01, 0.0)
    with warnings.catch_warnings(action="error"):
        scheduler = warmboot.attach(optimizer, 100)
    factors = SHAPE.factors(100)
    assert train(optimizer, scheduler, 100) == [[0.3 * f, 0.01 / 0.1 * 0.3 * f, 0.0] for f in factors]


def test_a_schedule_without_lr_keeps_the_optimizers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter_trial(monkeypatch, tmp_path, schedule=SHAPE)
    optimizer = optimizer_of(0.1, 3.0)
    scheduler = warmboot.attach(optimizer, 100)
    assert train(optimizer, scheduler, 100) == [[0.1 * f, 3.0 * f] for f in SHAPE.factors(100)]


def test_a_tensor_lr_stays_the_tensor_that_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter_trial(monkeypatch, tmp_path, schedule=WarmbootSchedule(lr=0.25, curve="constant"))
    lr = torch.tensor(1.0)
    optimizer = optimizer_of(lr, make=AdamW)
    warmboot.attach(optimizer, 100)
    assert optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.25


def test_a_scheduler_that_was_there_before_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enter_trial(monkeypatch, tmp_path, schedule=SHAPE.replace(lr=0.3))
    optimizer = optimizer_of(0.1, 0.2)
    LinearLR(optimizer, start_factor=0.01)
    scheduler = warmboot.attach(optimizer, 100)
    assert train(optimizer, scheduler, 100) == [[0.3 * f, 0.6 * f] for f in SHAPE.factors(100)]


def test_attaching_twice_is_attaching_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter_trial(monkeypatch, tmp_path, schedule=SHAPE.replace(lr=0.3))
    optimizer = optimizer_of(0.1, 0.2)
    warmboot.attach(optimizer, 100)
    scheduler = warmboot.attach(optimizer, 100)
    assert train(optimizer, scheduler, 100) == [[0.3 * f, 0.6 * f] for f in SHAPE.factors(100)]


def test_another_horizon_than_the_trials_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter_trial(monkeypatch, tmp_path)
    optimizer = optimizer_of(0.1)
    expected = r"attach: total_steps is 90, but the trial's horizon is 100 optimizer steps; .*--steps \{total"
    with pytest.raises(ScheduleError, match=expected):
        warmboot.attach(optimizer, 90)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_first_group_without_lr_can_not_be_scaled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter_trial(monkeypatch, tmp_path)
    with pytest.raises(ScheduleError, match=r"first group must be greater than 0 but is 0: .* becomes 0.5"):
        warmboot.attach(optimizer_of(0.0, 0.1), 100)


def write_file(
    monkeypatch: pytest.MonkeyPatch, folder: Path, schedule: WarmbootSchedule, horizon: Horizon | None = None
) -> None:
    warmboot.write(ScheduleFile(schedule, horizon), folder / "best.json")
    monkeypatch.setenv(SCHEDULE_VARIABLE, str(folder / "best.json"))


def test_after_a_search_the_file_gives_the_shape_and_the_optimizer_its_lr(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_file(monkeypatch, tmp_path, SHAPE, Horizon(50))
    optimizer = optimizer_of(0.1)
    scheduler = warmboot.attach(optimizer, 50, otherwise=lambda: pytest.fail("not needed"))
    assert train(optimizer, scheduler, 50) == [[0.1 * f] for f in SHAPE.factors(50)]


def test_the_lr_of_a_file_is_applied_where_it_has_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_file(monkeypatch, tmp_path, SHAPE.replace(lr=0.3))
    optimizer = optimizer_of(0.1)
    scheduler = warmboot.attach(optimizer, 50)
    assert train(optimizer, scheduler, 50) == [[0.3 * f] for f in SHAPE.factors(50)]


def test_a_file_for_another_horizon_is_rescaled_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_file(monkeypatch, tmp_path, SHAPE, Horizon(5000))
    with pytest.warns(UserWarning, match=r"best.json was made for 5000 steps, .* --total-steps 50\."):
        scheduler = warmboot.attach(optimizer_of(0.1), 50)
    assert scheduler.total_steps == 50


def test_a_file_that_is_not_there_or_no_schedule_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SCHEDULE_VARIABLE, str(tmp_path / "best.json"))
    with pytest.raises(FileNotFoundError, match=re.escape("best.json")):
        warmboot.attach(optimizer_of(0.1), 50)
    (tmp_path / "best.json").write_text("{}")
    with pytest.raises(ScheduleFileError):
        warmboot.attach(optimizer_of(0.1), 50)


def test_a_trial_counts_more_than_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_file(monkeypatch, tmp_path, SHAPE)
    enter_trial(monkeypatch, tmp_path, schedule=WarmbootSchedule(lr=0.25, curve="constant"))
    optimizer = optimizer_of(0.1)
    assert train(optimizer, warmboot.attach(optimizer, 100), 100) == [[0.25]] * 100


def test_otherwise_the_users_own_scheduler_is_used() -> None:
    optimizer = optimizer_of(0.1)
    own = OneCycleLR(optimizer, max_lr=1.0, total_steps=50)
    assert warmboot.attach(optimizer, 50, otherwise=lambda: own) is own


def test_a_scheduler_that_is_made_already_is_refused() -> None:
    optimizer = optimizer_of(0.1)
    own = OneCycleLR(optimizer, max_lr=1.0, total_steps=50)
    with pytest.raises(ScheduleError, match=r"write otherwise=lambda: OneCycleLR\(\.\.\.\)"):
        warmboot.attach(optimizer, 50, otherwise=own)  # type: ignore[arg-type]


def test_a_file_that_is_not_there_is_told_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMBOOT_SCHEDULE", "absent.json")
    with pytest.raises(FileNotFoundError, match=r"\$WARMBOOT_SCHEDULE names it: 'absent.json'"):
        warmboot.attach(optimizer_of(0.1), 50)


def test_with_nothing_at_all_the_lr_stays_what_it_is() -> None:
    optimizer = optimizer_of(0.1, 0.2)
    assert train(optimizer, warmboot.attach(optimizer, 50), 50) == [[0.1, 0.2]] * 50


@pytest.mark.parametrize("make", [SGD, AdamW])
def test_a_search_that_asks_for_the_own_lr_gets_it_and_ends_the_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: Any
) -> None:
    enter_trial(monkeypatch, tmp_path, own_lr=tmp_path / "own_lr")
    optimizer = optimizer_of(torch.tensor(0.25), 3.0, make=make)
    with pytest.raises(warmboot.StopTraining, match="the search has learnt the lr of study own's script"):
        warmboot.attach(optimizer, 100, otherwise=lambda: LinearLR(optimizer))
    assert read_own_lr(tmp_path / "own_lr") == 0.25
    assert [float(group["lr"]) for group in optimizer.param_groups] == [0.25, 3.0]
    assert all("initial_lr" not in group for group in optimizer.param_groups)


def test_the_own_lr_is_that_before_any_scheduler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter_trial(monkeypatch, tmp_path, own_lr=tmp_path / "own_lr")
    optimizer = optimizer_of(3e-3)
    LinearLR(optimizer, start_factor=0.01)
    with pytest.raises(warmboot.StopTraining):
        warmboot.attach(optimizer, 100)
    assert read_own_lr(tmp_path / "own_lr") == 3e-3


def test_another_horizon_is_noticed_before_there_is_any_trial(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enter_trial(monkeypatch, tmp_path, own_lr=tmp_path / "own_lr")
    with pytest.raises(ScheduleError, match="total_steps is 99, but the trial's horizon is 100"):
        warmboot.attach(optimizer_of(0.1), 99)
    assert read_own_lr(tmp_path / "own_lr") is None


def test_an_lr_that_is_no_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own_lr").write_text("fast")
    with pytest.raises(TrialFileError, match="must hold a number but got 'fast'"):
        read_own_lr(tmp_path / "own_lr")


def test_groups_that_share_a_tensor_lr_are_scaled_each_for_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enter_trial(monkeypatch, tmp_path, schedule=SHAPE.replace(lr=0.5))
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]
    optimizer = AdamW(groups, lr=torch.tensor(0.25, dtype=torch.float64))
    scheduler = warmboot.attach(optimizer, 100)
    assert train(optimizer, scheduler, 100) == [[0.5 * f, 0.5 * f] for f in SHAPE.factors(100)]
    assert float(optimizer.defaults["lr"]) == 0.25
