"""`lr`: the trial's schedule, a file's or one's own as numbers by step, without torch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import warmboot
from tests.warmboot_tests.trials import enter_trial
from warmboot.attaching import SCHEDULE_VARIABLE
from warmboot.errors import ScheduleError
from warmboot.own_lr import read_own_lr
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import Horizon, ScheduleFile
from warmboot.trial_files import VARIABLE

SHAPE = WarmbootSchedule(warmup=0.1, restarts=[0.6], step_scale=0.5)


@pytest.fixture(autouse=True)
def no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (VARIABLE, SCHEDULE_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def all_of(lr: Any, steps: int) -> list[float]:
    return [lr(step) for step in range(steps)]


@pytest.mark.parametrize(("schedule", "peak"), [(SHAPE.replace(lr=0.3), 0.3), (SHAPE, 0.1)])
def test_in_a_search_it_is_the_trials_schedule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, schedule: WarmbootSchedule, peak: float
) -> None:
    enter_trial(monkeypatch, tmp_path, schedule=schedule)
    lr = warmboot.lr(0.1, 100, otherwise=lambda step: pytest.fail("not needed"))
    assert all_of(lr, 100) == list(peak * SHAPE.factors(100))
    assert lr.table().tolist() == all_of(lr, 100)


def test_a_file_gives_the_shape_and_its_lr_if_it_has_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(SCHEDULE_VARIABLE, str(tmp_path / "best.json"))
    for schedule, peak in ((SHAPE, 0.1), (SHAPE.replace(lr=0.3), 0.3)):
        warmboot.write(ScheduleFile(schedule), tmp_path / "best.json")
        assert all_of(warmboot.lr(0.1, 50), 50) == list(peak * SHAPE.factors(50))


def test_a_file_for_another_horizon_is_rescaled_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    warmboot.write(ScheduleFile(SHAPE, Horizon(5000)), tmp_path / "best.json")
    monkeypatch.setenv(SCHEDULE_VARIABLE, str(tmp_path / "best.json"))
    with pytest.warns(
        UserWarning, match=r"^lr: .*best.json was made for 5000 steps, .* --total-steps 50\."
    ) as told:
        warmboot.lr(0.1, 50)
    assert told[0].filename == __file__


def test_otherwise_it_is_ones_own_or_constant() -> None:
    assert all_of(warmboot.lr(0.1, 3), 3) == [0.1] * 3
    own = warmboot.lr(0.1, 4, otherwise=lambda step: np.float32(step))  # type: ignore[arg-type,return-value]
    assert own.table().tolist() == all_of(own, 4) == [0.0, 1.0, 2.0, 3.0]


def test_past_the_end_the_last_is_held_with_one_warning() -> None:
    lr = warmboot.lr(0.1, 3, otherwise=lambda step: 1.0 / (step + 1))
    with pytest.warns(UserWarning, match=r"step 3 is past the end of its schedule \(total_steps=3\)"):
        assert lr(3) == 1 / 3
    assert lr(10) == 1 / 3


@pytest.mark.parametrize("step", [-1, 0.5, True, None])
def test_a_step_that_is_none_is_refused(step: Any) -> None:
    with pytest.raises(ScheduleError, match=r"lr: step must be"):
        warmboot.lr(0.1, 3)(step)


def test_a_counter_of_torch_or_jax_is_a_step() -> None:
    lr = warmboot.lr(torch.tensor(0.1, dtype=torch.float64), 3, otherwise=lambda step: step / 4)  # type: ignore[arg-type]
    counter: Any = torch.tensor(2)
    assert lr(counter) == 0.5
    jnp = pytest.importorskip("jax.numpy")
    assert lr(jnp.int32(2)) == 0.5
    with pytest.raises(ScheduleError, match=r"lr: step must be an integer but got"):
        lr(jnp.float32(2))


MISTAKES: list[tuple[Any, Any, Any, str]] = [
    (0.0, 10, None, "own_lr must be a finite number above 0 but got 0"),
    (float("nan"), 10, None, "own_lr must be a finite number above 0 but got nan"),
    (np.ones(2), 10, None, "own_lr must be a finite number above 0 but got array"),
    (torch.ones(2), 10, None, "own_lr must be a finite number above 0 but got tensor"),
    ("fast", 10, None, "own_lr must be a finite number above 0 but got 'fast'"),
    (0.1, 0, None, "total_steps must be at least 1 but got 0"),
    (
        0.1,
        10,
        0.1,
        r"otherwise must be a function from a step to its lr but got 0\.1; write otherwise=lambda",
    ),
]


@pytest.mark.parametrize(("own_lr", "total_steps", "otherwise", "pattern"), MISTAKES)
def test_arguments_that_are_none_are_named(
    own_lr: Any, total_steps: Any, otherwise: Any, pattern: str
) -> None:
    with pytest.raises(ScheduleError, match=pattern):
        warmboot.lr(own_lr, total_steps, otherwise=otherwise)


def test_a_search_that_asks_for_the_own_lr_gets_it_and_ends_the_script(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enter_trial(monkeypatch, tmp_path, own_lr=tmp_path / "own_lr")
    with pytest.raises(warmboot.StopTraining, match="the search has learnt the lr of study own's script"):
        warmboot.lr(0.25, 100)
    assert read_own_lr(tmp_path / "own_lr") == 0.25


def test_another_horizon_than_the_trials_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter_trial(monkeypatch, tmp_path)
    with pytest.raises(ScheduleError, match=r"^lr: total_steps is 90, but the trial's horizon is 100"):
        warmboot.lr(0.1, 90)


def test_reports_are_held_to_the_steps_that_were_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    enter_trial(monkeypatch, tmp_path)
    lr = warmboot.lr(0.1, 100)
    with pytest.raises(ValueError, match=r"step 100, but .* followed for 0 steps\. Ask what lr gave"):
        warmboot.report(100, val=1.0)
    all_of(lr, 100)
    warmboot.report(100, val=1.0)


def test_who_takes_the_table_is_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    enter_trial(monkeypatch, tmp_path)
    warmboot.lr(0.1, 100).table()
    warmboot.report(100, val=1.0)
