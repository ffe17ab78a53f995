"""A report of something else than the trial's schedule is refused where it is made, with what to change."""

import copy
import gc
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR

import warmboot
from tests.warmboot_tests.trials import enter_trial, reports_of
from warmboot.checkpoints import KeptFiles, write_kept_files
from warmboot.schedule import WarmbootSchedule
from warmboot.trial_files import TrialFile, current_trial

STEPS = 100


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TrialFile:
    monkeypatch.delenv("RANK", raising=False)
    return enter_trial(monkeypatch, tmp_path)


def optimizer() -> SGD:
    return SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.1)


def train(scheduler: Any, steps: int) -> None:
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step()


def test_a_script_that_trains_with_its_own_scheduler_is_refused(trial: TrialFile) -> None:
    train(CosineAnnealingLR(optimizer(), STEPS), 50)
    warmboot.report(0, val=2.0)  # nothing is trained yet
    with pytest.raises(ValueError, match=r"report: step 50 is reported, but nothing .* warmboot\.attach\("):
        warmboot.report(50, val=1.0)
    assert [report.step for report in reports_of(trial)] == [0]


def test_a_schedule_taken_in_another_process_of_the_script_is_taken(trial: TrialFile) -> None:
    trains = f"import warmboot; warmboot.lr(0.1, {STEPS})"
    subprocess.run([sys.executable, "-c", trains], check=True)
    warmboot.report(STEPS, val=1.0)


def test_whoever_reads_the_trial_follows_it_by_himself(trial: TrialFile) -> None:
    assert current_trial() == trial
    warmboot.report(STEPS, val=1.0)


STEPPED = [
    # what is special, steps of the scheduler, step reported, whether it is refused
    ("never stepped", 0, 100, True),
    ("once an epoch", 5, 100, True),
    ("reports in epochs", 40, 2, True),
    ("a GradScaler skipped some", 90, 100, False),
    ("reported before the scheduler's step", 0, 1, False),
]


@pytest.mark.parametrize(("what", "steps", "step", "refused"), STEPPED)
def test_the_scheduler_keeps_pace_with_the_reports(
    trial: TrialFile, what: str, steps: int, step: int, refused: bool
) -> None:
    scheduler = warmboot.attach(optimizer(), STEPS)
    train(scheduler, steps)
    if not refused:
        warmboot.report(step, val=1.0)
        return
    with pytest.raises(
        ValueError, match=rf"report: step {step}, but .* followed for {steps} steps\. Call the .*optimizers="
    ):
        warmboot.report(step, val=1.0)


def test_a_checkpoint_without_the_scheduler_is_named_as_that(trial: TrialFile) -> None:
    """Of a training that was taken up again at step 60, which it had reported."""
    kept = KeptFiles(trial.reports.parent / "kept", trial.reports.parent / "kept.jsonl", known_bytes=40)
    write_kept_files(trial.checkpoints, kept)
    scheduler = warmboot.attach(optimizer(), STEPS)
    train(scheduler, 10)
    said = "step 70 of a training that goes on from a checkpoint, but its scheduler .* is at step 10: "
    with pytest.raises(ValueError, match=said):
        warmboot.report(70, val=1.0)
    scheduler.load_state_dict({"last_epoch": 70})
    warmboot.report(70, val=1.0)
    with pytest.raises(ValueError, match="followed for 70 steps"):  # it is ahead: that has another cause
        warmboot.report(20, val=1.0)


@pytest.mark.parametrize("steps", [4, 16])
def test_a_short_training_is_held_to_its_schedule_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, steps: int
) -> None:
    enter_trial(monkeypatch, tmp_path, total_steps=steps, schedule=WarmbootSchedule(lr=0.1))
    scheduler = warmboot.attach(optimizer(), steps)
    with pytest.raises(ValueError, match="followed for 0 steps"):
        warmboot.report(steps, val=1.0)
    train(scheduler, steps)
    warmboot.report(steps, val=1.0)


@pytest.mark.usefixtures("trial")
def test_a_scheduler_that_is_thrown_away_was_never_stepped() -> None:
    own = optimizer()
    warmboot.attach(own, STEPS)
    train(CosineAnnealingLR(own, STEPS), STEPS)
    gc.collect()
    with pytest.raises(ValueError, match="followed for 0 steps"):
        warmboot.report(STEPS, val=1.0)


@pytest.mark.usefixtures("trial")
def test_a_scheduler_that_is_gone_after_its_training_was_followed() -> None:
    train(warmboot.attach(optimizer(), STEPS), STEPS)
    gc.collect()
    warmboot.report(STEPS, val=1.0)


@pytest.mark.usefixtures("trial")
def test_one_training_of_several_in_a_script_is_enough() -> None:
    first, second = (warmboot.attach(optimizer(), STEPS) for _ in range(2))
    train(first, STEPS)
    warmboot.report(STEPS, val=1.0)
    assert second.last_epoch == 0


@pytest.mark.usefixtures("trial")
@pytest.mark.filterwarnings("ignore:WarmbootLR. a group's lr was changed:UserWarning")
def test_an_own_scheduler_beside_the_trials_is_refused() -> None:
    own = optimizer()
    scheduler = warmboot.attach(own, STEPS)
    mine = CosineAnnealingLR(own, STEPS)
    for _ in range(STEPS // 2):
        own.step()
        scheduler.step()
        mine.step()
    with pytest.raises(ValueError, match=r"lr of the optimizer is \S+ where .* set \S+: something else sets"):
        warmboot.report(STEPS // 2, val=1.0)


@pytest.mark.usefixtures("trial")
def test_an_lr_in_a_tensor_and_a_later_group_are_no_trouble() -> None:
    own = SGD([torch.nn.Parameter(torch.zeros(2))], lr=torch.tensor(0.1))
    scheduler = warmboot.attach(own, STEPS)
    own.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.7})
    train(scheduler, 30)
    own.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.9})
    warmboot.report(30, val=1.0)


@pytest.mark.usefixtures("trial")
@pytest.mark.parametrize("again", [copy.deepcopy, lambda made: pickle.loads(pickle.dumps(made))])
def test_a_trials_scheduler_can_be_copied_and_is_a_warmboot_lr(again: Any) -> None:
    scheduler = warmboot.attach(optimizer(), STEPS)
    train(scheduler, 20)
    copied = again(scheduler)
    assert isinstance(copied, warmboot.WarmbootLR)
    assert copied.state_dict() == scheduler.state_dict()
    train(scheduler, 20)
    warmboot.report(40, val=1.0)


@pytest.mark.usefixtures("trial")
def test_what_is_evaluated_after_the_training_is_not_held_to_the_schedule() -> None:
    """It is the search that leaves it out."""
    scheduler = warmboot.attach(optimizer(), STEPS)
    train(scheduler, STEPS)
    for step in (STEPS, STEPS, 40):
        warmboot.report(step, val=1.0)


def test_the_next_trial_in_a_process_has_to_follow_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        enter_trial(monkeypatch, tmp_path / name)
        with pytest.raises(ValueError, match="nothing here has taken the trial's schedule"):
            warmboot.report(STEPS, val=1.0)
        train(warmboot.attach(optimizer(), STEPS), STEPS)
        warmboot.report(STEPS, val=1.0)
