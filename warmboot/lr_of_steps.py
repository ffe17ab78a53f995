"""`lr`: what `attach` is to torch, for a training in numpy, JAX, Keras or anything else: numbers by step."""

import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from warmboot.attaching import check_trial, named_schedule
from warmboot.checks import integer_problem, show
from warmboot.curves import FloatArray
from warmboot.errors import ScheduleError
from warmboot.following import follow
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_checks import total_steps_problem
from warmboot.trial_files import trial_here


class LrOfSteps:
    """The lr of each step of one training; made by `lr`.

    Args:
        lr_of: the lr of a step, counted from 0.
        total_steps: how many there are.
    """

    def __init__(self, lr_of: Callable[[int], float], total_steps: int) -> None:
        self._lr_of, self._total_steps = lr_of, total_steps
        self._done = 0
        self._known = True
        self._warned = False

    def __call__(self, step: int) -> float:
        """The lr of step `step`, counted from 0; past the end the last one, with one warning.

        Raises:
            ScheduleError: the step is negative or no integer.
        """
        at = _count(step)
        problem = integer_problem("step", at, at_least=0)
        if problem is not None:
            raise ScheduleError("lr", [problem])
        self._done = max(self._done, at + 1)
        if at >= self._total_steps and not self._warned:
            self._warn_past_end(at)
        return float(self._lr_of(min(at, self._total_steps - 1)))

    def table(self) -> FloatArray:
        """The lrs of all steps, float64 of shape `[total_steps]`.

        For compiled code, which looks an lr up by its own counter. Which of them were used cannot be
        checked then: a trial believes what is reported.
        """
        self._known = False
        return np.array([float(self._lr_of(step)) for step in range(self._total_steps)])

    def steps(self) -> int | None:
        """How many steps are begun; None once `table` was asked for."""
        return self._done if self._known else None

    def trouble(self) -> None:
        """Never known: what is done with the numbers is out of sight."""

    @property
    def how(self) -> str:
        """What to do for each step."""
        return "Ask what lr gave for the lr of each step, lr(step) with step = 0, 1, ..., as you train it"

    @property
    def how_to_go_on(self) -> str:
        """What to do after a checkpoint."""
        return "Count the steps that lr(step) is asked for on from the checkpoint"

    def _warn_past_end(self, at: int) -> None:
        self._warned = True
        warnings.warn(
            f"lr: step {at} is past the end of its schedule (total_steps={self._total_steps}); the last lr "
            "is held from here on. Give the horizon that you train for, and count steps from 0.",
            stacklevel=3,
        )


def lr(own_lr: float, total_steps: int, *, otherwise: Callable[[int], float] | None = None) -> LrOfSteps:
    """The lr of each step for this training, by step: `attach` for trainings without torch.

    - In a search: the trial's schedule. Where the study leaves the lr to the script, its peak is `own_lr`; a
      search that starts from that lr first starts the script only to learn it: then this ends the script.
    - Where the environment variable `WARMBOOT_SCHEDULE` names a schedule file: that schedule, on this
      horizon, with its lr if the file has one, else with `own_lr` as its peak.
    - Otherwise: `otherwise`, or a constant `own_lr`.

    Args:
        own_lr: the peak lr that you train with today, > 0.
        total_steps: the horizon, in optimizer steps.
        otherwise: your own schedule, the lr of a step counted from 0; called only outside a search and
            without a file.

    Returns:
        Something to call with the step, and whose `table()` is all of it as one array.

    Raises:
        StopTraining: the search has learnt the own lr, for which alone it started the script.
        ScheduleError: where an argument is none; in a search, if `total_steps` is not the trial's; where
            the schedule has no room on the horizon.
        ScheduleFileError, OSError: if `WARMBOOT_SCHEDULE` can't be read.

    >>> lr_of = lr(0.1, 100, otherwise=lambda step: 0.1 * (1 - step / 100))
    >>> lr_of(0), lr_of(50), lr_of.table().shape
    (0.1, 0.05, (100,))
    """
    _check(own_lr, total_steps, otherwise)
    trial = trial_here()
    if trial is not None:
        check_trial(trial, total_steps, own_lr=lambda: float(own_lr), caller="lr")
        followed = _of_schedule(trial.schedule, own_lr, total_steps)
        follow(trial, followed)
        return followed
    schedule = named_schedule(total_steps, caller="lr")
    if schedule is not None:
        return _of_schedule(schedule, own_lr, total_steps)
    return LrOfSteps(otherwise or (lambda step: own_lr), total_steps)


def _of_schedule(schedule: WarmbootSchedule, own_lr: float, total_steps: int) -> LrOfSteps:
    peak = float(own_lr) if schedule.lr is None else schedule.lr
    return LrOfSteps((peak * schedule.factors(total_steps)).item, total_steps)


def _count(step: Any) -> Any:
    """A counter of torch or jax as the integer that it is; anything else as it came."""
    try:
        return step if isinstance(step, bool) else operator.index(step)
    except TypeError:
        return step


def _is_lr(own_lr: Any) -> bool:
    try:
        return not isinstance(own_lr, (bool, str)) and 0 < float(own_lr) < math.inf
    except (TypeError, ValueError, ArithmeticError, RuntimeError):  # torch has its own for several numbers
        return False


def _check(own_lr: object, total_steps: object, otherwise: object) -> None:
    problems = []
    if not _is_lr(own_lr):
        problems.append(f"own_lr must be a finite number above 0 but got {show(own_lr)}")
    problem = total_steps_problem(total_steps)
    if problem is not None:
        problems.append(problem)
    if otherwise is not None and not callable(otherwise):
        problems.append(
            f"otherwise must be a function from a step to its lr but got {show(otherwise)}; write "
            "otherwise=lambda step: ..."
        )
    if problems:
        raise ScheduleError("lr", problems)
