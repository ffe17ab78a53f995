"""`attach`: the one line that gives a training script its schedule, in a search, after it, and without it."""

import os
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from warmboot.errors import ScheduleError
from warmboot.group_lrs import base_lrs_of, part_shared_lrs, set_lr
from warmboot.own_lr import tell_own_lr
from warmboot.reporting import StopTraining
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import Horizon, ScheduleFile, read
from warmboot.trial_files import TrialFile, trial_here

if TYPE_CHECKING:
    from torch.optim import Optimizer

SCHEDULE_VARIABLE = "WARMBOOT_SCHEDULE"


def attach(optimizer: "Optimizer", total_steps: int, *, otherwise: Callable[[], Any] | None = None) -> Any:
    """The lr scheduler for this training; call its `step()` once after each `optimizer.step()`.

    - In a search: the trial's schedule. If it has an lr, the lrs of all groups are multiplied by one number
      that makes the first group's the schedule's lr, so that their ratios stay. Where the study leaves the
      lr to the script, a search first starts the script only to learn it: then this ends the script.
    - Where the environment variable `WARMBOOT_SCHEDULE` names a schedule file: that schedule, on this
      horizon. Its lr is applied in the same way if the file has one; if not, the optimizer keeps its own.
    - Otherwise: your own scheduler, or a constant lr.

    A group added to the optimizer later begins from the lr it comes with, as its peak; for a ratio to the
    first group take it from `optimizer.param_groups[0]["initial_lr"]`, which is the trial's.

    Args:
        optimizer: any torch optimizer, with its groups as you train them.
        total_steps: the horizon, in optimizer steps (calls of the scheduler's `step()`).
        otherwise: a function without arguments that makes your own scheduler, called only outside a search
            and without a file. A ready-made one is refused: making it has already changed the optimizer
            (`OneCycleLR` sets its lr and its momentum), and a search would go on from there.

    Returns:
        A `WarmbootLR`, or what `otherwise` gives.

    Raises:
        StopTraining: the search has learnt the optimizer's lr, for which alone it started the script.
        ScheduleError: where `otherwise` is no function; in a search, if `total_steps` is not the trial's;
            where the schedule has no room on the horizon; where its lr can't be applied because the first
            group's is 0.
        ScheduleFileError, OSError: if `WARMBOOT_SCHEDULE` can't be read.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    >>> scheduler = attach(optimizer, 100, otherwise=lambda: torch.optim.lr_scheduler.LinearLR(optimizer))
    """
    _check_otherwise(otherwise)
    trial = trial_here()
    if trial is not None:
        check_trial(
            trial, total_steps, own_lr=lambda: base_lrs_of(optimizer.param_groups)[0], caller="attach"
        )
        return _trial_scheduler(optimizer, trial)
    schedule = named_schedule(total_steps, caller="attach")
    if schedule is not None:
        return _scheduler(optimizer, schedule, total_steps)
    if otherwise is None:
        return _scheduler(optimizer, WarmbootSchedule(curve="constant"), total_steps)
    return otherwise()


def check_trial(trial: TrialFile, total_steps: int, *, own_lr: Callable[[], float], caller: str) -> None:
    """Refuse another horizon than the trial's; where the search only asks for the own lr, tell it and leave.

    Raises:
        ScheduleError: `total_steps` is not the trial's.
        StopTraining: the search has learnt the script's own lr, for which alone it started the script.
    """
    _check_horizon(trial, total_steps, caller)
    if trial.own_lr is not None:
        tell_own_lr(trial.own_lr, own_lr())
        raise StopTraining(f"the search has learnt the lr of study {trial.study}'s script; no trial yet.")


def named_schedule(total_steps: int, *, caller: str) -> WarmbootSchedule | None:
    """The schedule of the file that `WARMBOOT_SCHEDULE` names; None where it names none.

    Raises:
        ScheduleFileError, OSError: the file can't be read.
    """
    path = os.environ.get(SCHEDULE_VARIABLE)
    if not path:
        return None
    file = _read_named(path)
    _warn_of_another_horizon(path, file.horizon, total_steps, caller)
    return file.schedule


def _check_otherwise(otherwise: object) -> None:
    if otherwise is not None and not callable(otherwise):
        kind = type(otherwise).__name__
        raise ScheduleError(
            "attach",
            [
                f"otherwise must be a function that makes your scheduler but is a {kind}, whose making has "
                f"already changed the optimizer; write otherwise=lambda: {kind}(...)"
            ],
        )


def _read_named(path: str) -> ScheduleFile:
    try:
        return read(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(2, f"no such file; ${SCHEDULE_VARIABLE} names it", path) from error


def _check_horizon(trial: TrialFile, total_steps: int, caller: str) -> None:
    if total_steps != trial.total_steps:
        raise ScheduleError(
            caller,
            [
                f"total_steps is {total_steps}, but the trial's horizon is {trial.total_steps} optimizer "
                "steps; hand the trial's to the script, as in --steps {total_steps} in the study's command, "
                "or set the study's total_steps to what the script trains"
            ],
        )


def _warn_of_another_horizon(path: str, horizon: Horizon | None, total_steps: int, caller: str) -> None:
    if horizon is not None and horizon.total_steps != total_steps:
        warnings.warn(
            f"{caller}: {path} was made for {horizon.total_steps} steps, this training has {total_steps}. "
            "The shape is rescaled; the best lr may be another: export the schedule again with "
            f"--total-steps {total_steps}.",
            stacklevel=4,
        )


def _trial_scheduler(optimizer: "Optimizer", trial: TrialFile) -> Any:
    from warmboot.trial_lr import TrialLR  # here, because it imports torch

    _prepare(optimizer, trial.schedule, trial.total_steps)
    scheduler = TrialLR(optimizer, trial.schedule, total_steps=trial.total_steps)
    scheduler.follow_for(trial)
    return scheduler


def _scheduler(optimizer: "Optimizer", schedule: WarmbootSchedule, total_steps: int) -> Any:
    from warmboot.warmboot_lr import WarmbootLR  # here, because it imports torch

    _prepare(optimizer, schedule, total_steps)
    return WarmbootLR(optimizer, schedule, total_steps=total_steps)


def _prepare(optimizer: "Optimizer", schedule: WarmbootSchedule, total_steps: int) -> None:
    schedule.layout(total_steps)  # raises before the optimizer is touched
    if schedule.lr is not None:
        _scale_lrs(optimizer, schedule.lr)


def _scale_lrs(optimizer: "Optimizer", lr: float) -> None:
    """Make `lr` the first group's base lr and keep the ratios; what `WarmbootLR` starts from.

    Doing it twice is doing it once.
    """
    groups, bases = optimizer.param_groups, base_lrs_of(optimizer.param_groups)
    if bases[0] <= 0:
        raise ScheduleError(
            "attach",
            [
                f"the lr of the optimizer's first group must be greater than 0 but is {bases[0]:g}: the lrs "
                f"of all groups are scaled so that it becomes {lr:g}; give the first group any other lr"
            ],
        )
    part_shared_lrs(optimizer)
    for group, base in zip(groups, bases, strict=True):
        group["initial_lr"] = lr if base == bases[0] else base / bases[0] * lr
        set_lr(group, group["initial_lr"])
