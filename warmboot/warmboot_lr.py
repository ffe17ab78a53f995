"""`WarmbootLR`: a `WarmbootSchedule` on a PyTorch optimizer.

The one module of this package that imports torch. A step counter and nothing else: every lr is
`initial_lr` of its group times the schedule's factor at the count, a closed form, so that a
training saved and resumed at any step is the unbroken one. What a change of the horizon does to
the factors is in `course`, what counts as drift in `drift`.
"""

import warnings
import weakref
from array import array
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from warmboot.checks import integer_problem
from warmboot.course import Course, course_of
from warmboot.drift import DriftWatch
from warmboot.errors import ScheduleError
from warmboot.lr_state import checked_step, restored, state_of
from warmboot.schedule import WarmbootSchedule

# Factors are computed so many at a time: long horizons cost no memory, short steps no numpy call.
_BLOCK_STEPS = 4096
# lrs that differ by less are the same number in float32, in which a tensor lr is kept
_LR_TOLERANCE = 1e-6


class WarmbootLR(LRScheduler):
    """Sets the lr of each group to its `initial_lr` times the schedule's factor.

    Call `step()` once after each `optimizer.step()`; step 0's lr is set at construction. A group's
    own `initial_lr` is never overridden: `schedule.lr` is there to build the optimizer with. A
    group added later gets its lr as `initial_lr`. A tensor lr is filled in place. From
    `total_steps` on the last lr is held; one warning at the first step past it.

    Args:
        optimizer: the optimizer whose lrs are set.
        schedule: the schedule.
        total_steps: the horizon, in calls of `step()`; whoever steps once an epoch gives epochs.
        last_epoch: as everywhere in torch, the last step that is done, -1 for a fresh start. The
            simpler way to resume is `load_state_dict`.

    Raises:
        ScheduleError: a `ValueError`, where the schedule has no room on this horizon.

    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    >>> scheduler = WarmbootLR(optimizer, WarmbootSchedule(curve="linear"), total_steps=3)
    >>> for _ in range(3):
    ...     print(scheduler.get_last_lr())
    ...     optimizer.step()
    ...     scheduler.step()
    [0.5]
    [0.25]
    [0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedule: WarmbootSchedule,
        *,
        total_steps: int,
        last_epoch: int = -1,
    ) -> None:
        problem = integer_problem("last_epoch", last_epoch, at_least=-1)
        if problem is not None:
            raise ScheduleError("WarmbootLR", [problem])
        self.schedule = schedule
        self._course = course_of(schedule, total_steps)
        self.total_steps = self._course.total_steps
        self._block: array[float] = array("d")
        self._block_start = 0
        self._warned_past_end = False
        self._drift = DriftWatch()
        super().__init__(optimizer, last_epoch)  # calls step(), which sets the first lr
        self._watch_optimizer()
        self._warn_of_another_lr()

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step; `epoch`, as in torch, jumps to a step (deprecated there)."""
        drift = self._drift
        if drift.optimizer_stepped:
            drift.optimizer_stepped = False
            drift.paired_steps += 1
        elif drift.paired_steps and epoch is None and drift.is_drift():
            self._warn_of_drift()
        if epoch is None:
            self.last_epoch += 1
        else:
            self.last_epoch = checked_step(epoch)
        self._step_count += 1
        if self.last_epoch > self.total_steps and not self._warned_past_end:
            self._warn_past_end()
        self._apply()

    def get_lr(self) -> list[float | Tensor]:
        """Each group's lr at the present count, computed anew."""
        factor = self._factor(self.last_epoch)
        return [_initial_lr(group) * factor for group in self.optimizer.param_groups]

    def retarget(self, total_steps: int, at_step: int | None = None) -> None:
        """Change the horizon of a run in progress, without a jump in lr.

        From `at_step` on, what is left of the schedule is stretched over what is left of the new
        horizon; the lr at `at_step` stays what it would have been. Restarts ahead move with it and
        keep their exact peaks and floors, warm-up under way and a cycle under way go on from where
        they are (`course` has the formulas). A second retarget starts from what the first one made.

        Args:
            total_steps: the new horizon; the present one changes nothing, so that a script which
                always loads a state and then retargets may be run again and again.
            at_step: the step count at which it changes, the present one if left out, or a later one.

        Raises:
            ScheduleError: if `at_step` is past, nothing is left to stretch, or there is no room for
                a step of each part that lies ahead. Nothing is changed then.
        """
        if at_step is None:
            at_step = self.last_epoch
        course = self._course.retargeted(at_step, total_steps)
        if course is not self._course and at_step < self.last_epoch:
            rule = f"at_step must not be past: the next step is {self.last_epoch} but got {at_step}"
            raise ScheduleError("retarget", [rule])
        self._follow(course)

    def state_dict(self) -> dict[str, Any]:
        """The step count; after a retarget the horizons as well, for there is nothing else to save.

        Loads under `torch.load(weights_only=True)`, and is JSON.
        """
        return state_of(self.last_epoch, self._course)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on at the saved step count, with the saved horizons, and set the lrs that belong to it.

        A retarget is part of the state: load first, then retarget. After one, the scheduler may
        have been built with the first `total_steps` or with the last, and goes on exactly.
        It does not matter whether the optimizer's state is loaded before or after.

        Raises:
            ScheduleError: if this is not the state of a `WarmbootLR`, or of one with another horizon.
        """
        last_epoch, course = restored(state_dict, self._course)
        self._follow(course)
        self.last_epoch = last_epoch
        self._step_count = self.last_epoch + 1
        self._drift.start_again()
        self._apply()

    def __getstate__(self) -> dict[str, Any]:
        # what can be computed again does not travel, nor does the hook on the optimizer
        return {**self.__dict__, "_block": array("d"), "_block_start": 0, "_drift": DriftWatch()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._watch_optimizer()

    def _follow(self, course: Course) -> None:
        self._course, self.total_steps = course, course.total_steps
        self._block, self._block_start = array("d"), 0

    def _watch_optimizer(self) -> None:
        """Let the optimizer report its steps; one that can't, as some wrappers, goes unwatched."""
        try:
            handle = self.optimizer.register_step_post_hook(self._drift.on_optimizer_step)
        except AttributeError:  # it never called Optimizer.__init__
            return
        weakref.finalize(self, handle.remove).atexit = False

    def _apply(self) -> None:
        factor = self._factor(self.last_epoch)
        last_lr: list[float | Tensor] = []
        for group in self.optimizer.param_groups:
            initial_lr = group.get("initial_lr")
            if type(initial_lr) is not float:
                initial_lr = _initial_lr(group)
            lr = group["lr"]
            if isinstance(lr, Tensor):
                lr.fill_(initial_lr * factor)
                last_lr.append(lr.clone())
            else:
                group["lr"] = lr = initial_lr * factor
                last_lr.append(lr)
        self._last_lr = last_lr

    def _factor(self, step: int) -> float:
        at = step - self._block_start
        if 0 <= at < len(self._block):
            return self._block[at]
        return self._factor_elsewhere(step)

    def _factor_elsewhere(self, step: int) -> float:
        """Outside the present block, or past the end, where the last factor is held."""
        step = min(step, self.total_steps - 1)
        start = step - step % _BLOCK_STEPS
        if start != self._block_start or not self._block:
            stop = min(start + _BLOCK_STEPS, self.total_steps)
            factors = self._course.factors_between(start, stop)
            # an array gives Python floats, and faster than numpy does
            self._block, self._block_start = array("d", factors.tobytes()), start
        return self._block[step - start]

    def _warn_past_end(self) -> None:
        self._warned_past_end = True
        warnings.warn(
            f"WarmbootLR: step {self.last_epoch} is past the end of its schedule "
            f"(total_steps={self.total_steps}); the last lr is held from here on. Give the horizon "
            "that you train for as total_steps, and step once for each optimizer step.",
            stacklevel=3,
        )

    def _warn_of_drift(self) -> None:
        # what a CUDA graph replays is seen by nobody, and only a tensor lr reaches into one
        if any(isinstance(lr, Tensor) and lr.is_cuda for lr in self._last_lr):
            return
        warnings.warn(
            f"WarmbootLR: {self._drift.describe(self.total_steps)}. Step it once after each "
            "optimizer.step(): not for each accumulated micro-batch, not once for each process, and not "
            "where a GradScaler skipped the optimizer's step. If total_steps counts the scheduler's "
            "steps on purpose, all is well.",
            stacklevel=3,
        )

    def _warn_of_another_lr(self) -> None:
        lr = self.schedule.lr
        initial = [_initial_lr(group) for group in self.optimizer.param_groups]
        if lr is None or any(abs(one - lr) <= _LR_TOLERANCE * lr for one in initial):
            return
        warnings.warn(
            f"WarmbootLR: the schedule was made for a peak lr of {lr:g}, but no group of the "
            f"optimizer has it (their lrs: {', '.join(f'{one:g}' for one in initial)}). The "
            "groups' own lrs are used; build the optimizer with lr=schedule.lr to use its.",
            stacklevel=3,
        )


def _initial_lr(group: dict[str, Any]) -> float:
    """The group's `initial_lr` as a float, which it is from now on: one read from the device."""
    initial_lr = group.get("initial_lr", group["lr"])
    group["initial_lr"] = float(initial_lr)
    return float(initial_lr)
