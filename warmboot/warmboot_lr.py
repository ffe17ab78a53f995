"""`WarmbootLR`: a `WarmbootSchedule` on a PyTorch optimizer.

The one module of this package that imports torch. A step counter and nothing else: every lr is
`initial_lr` of its group times the schedule's factor at the count, a closed form, so that a
training saved and resumed at any step is the unbroken one. What a change of the horizon does to
the factors is in `retargeted_schedule`, what is saved in `lr_state`, what counts as drift in
`drift`, and what is said of a wrong use in `lr_remarks`.
"""

import sys
import warnings
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from warmboot import lr_remarks
from warmboot.drift import DriftWatch
from warmboot.errors import ScheduleError
from warmboot.factor_blocks import FactorBlocks
from warmboot.group_lrs import base_lrs_of, copy_of, holds, take_in_groups
from warmboot.host_plan import too_long_for_host
from warmboot.lr_state import SavedRun, check_resumed, checked_step, continued, restored, state_of
from warmboot.lr_trace import OtherLr, close, trace_of
from warmboot.retargeted_schedule import RetargetedSchedule, retargetable
from warmboot.schedule import WarmbootSchedule


class WarmbootLR(LRScheduler):
    """Sets the lr of each group to its `initial_lr` times the schedule's factor.

    Call `step()` once after each `optimizer.step()`; step 0's lr is set at construction. A group's
    own `initial_lr` is never overridden: `schedule.lr` is there to build the optimizer with. A
    group added later gets its lr as `initial_lr`. A tensor lr is filled in place; one that is shared,
    with `optimizer.defaults` or another group, is parted first. From `total_steps` on the last lr is
    held; one warning at the first step past it.

    It may be a part of torch's `SequentialLR` or `ChainedScheduler`: loading its state sets the
    optimizer's lrs only if it had set them when the state was saved.

    Args:
        optimizer: the optimizer whose lrs are set.
        schedule: the schedule.
        total_steps: the horizon, in calls of `step()`; whoever steps once an epoch gives epochs.
        last_epoch: as in torch, the last step that is done, -1 for a fresh start; see `load_state_dict`.

    Raises:
        ScheduleError: a `ValueError`: no room on this horizon, or a `last_epoch` without `initial_lr`.

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

    # on the class, because a whole scheduler that was pickled before there were such has none of its own
    _is_part = False  # of a SequentialLR
    _loaded_at: int | None = None  # the count of a state just loaded
    _came_with: OtherLr | None = None
    _warned_past_end = _warned_of_others = False

    def __init__(
        self, optimizer: Optimizer, schedule: WarmbootSchedule, *, total_steps: int, last_epoch: int = -1
    ) -> None:
        checked_step(last_epoch, at_least=-1)
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        check_resumed(optimizer.param_groups, last_epoch)
        self.schedule = schedule
        self._built = retargetable(schedule, total_steps)
        self._follow(self._built)
        self._drift = DriftWatch()
        self._trace = trace_of(optimizer)
        self._last_lr = []
        self._came_with = self._trace.other_lr(optimizer.param_groups) if last_epoch == -1 else None
        super().__init__(optimizer, last_epoch)  # calls step(), which sets the first lr
        self._drift.watch(optimizer, until_gone=self)
        self._warn_of_another_lr()

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step; `epoch`, as in torch, jumps to a step (deprecated there)."""
        drift = self._drift
        if drift.optimizer_stepped:
            drift.optimizer_stepped = False
            drift.paired_steps += 1
            if drift.paired_steps == 1:
                self._look_at_beginning()
        elif epoch is None and self._step_count and drift.on_lone_step(self.optimizer.param_groups):
            self._warn_of_drift()
        if epoch is None:
            self.last_epoch += 1
        else:
            self.last_epoch, self._came_with = checked_step(epoch), None
        self._step_count += 1
        if self.last_epoch > self.total_steps and not self._warned_past_end:
            self._warned_past_end = True
            self._say(lr_remarks.past_end(self.last_epoch, self.total_steps), stacklevel=3)
        changed = self._apply()
        if changed is not None and epoch is None and not self._warned_of_others:
            self._warn_of_others(*changed)

    def get_lr(self) -> list[float | Tensor]:
        """Each group's lr at the present count, computed anew; of a part that waits, its first."""
        factor = self._factors.at(max(self.last_epoch, 0))
        return [base_lr * factor for base_lr in self._base_lrs()]

    def retarget(self, total_steps: int, at_step: int | None = None) -> None:
        """Change the horizon of a run in progress, without a jump in lr.

        From `at_step` on, what is left of the schedule is stretched over what is left of the new
        horizon; the lr at `at_step` stays what it would have been. Restarts ahead move with it and
        keep their exact peaks and floors, warm-up under way and a cycle under way go on from where
        they are (formulas: `retargeted_schedule`). A second retarget starts from what the first made.

        Args:
            total_steps: the new horizon; the present one changes nothing, so that a script which
                always loads a state and then retargets may be run again and again.
            at_step: the step count at which it changes, the present one if left out, or a later one.

        Raises:
            ScheduleError: if `at_step` is past, nothing is left to stretch, or there is no room for
                a step of each part that lies ahead. Nothing is changed then.
        """
        if at_step is None:
            at_step = max(self.last_epoch, 0)
        run_schedule = self._run_schedule.retargeted(at_step, total_steps)
        if run_schedule is not self._run_schedule and at_step < self.last_epoch:
            rule = f"at_step must not be past: the next step is {self.last_epoch} but got {at_step}"
            raise ScheduleError("retarget", [rule])
        self._follow(run_schedule)

    def state_dict(self) -> dict[str, Any]:
        """The run so far: step count, horizons, base lrs, and by what schedule; the same keys always.

        Loads under `torch.load(weights_only=True)`, and is JSON.
        """
        base_lrs = self._base_lrs()[: len(self._last_lr)]
        return state_of(self.last_epoch, self._run_schedule, base_lrs, self._is_in_charge())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on at the saved step count, with the saved horizons, and set the lrs that belong to it.

        It does not matter whether the optimizer's state is loaded before or after. A retarget is part
        of the state: built with the first `total_steps` or with the last, it goes on exactly. Built with
        another one, what is left of the schedule is stretched to it, without a jump in lr, and a
        warning says so; so does one of other base lrs, for the saved ones are used. Where another
        scheduler, or a hand, had set the lrs when the state was saved, they stay as they are.
        States of before they were whole (`last_epoch` alone, or with the horizons) are loaded as well.

        Raises:
            ScheduleError: if this is not the state of a `WarmbootLR`, or of one with another schedule.
                Nothing is changed then.
        """
        saved = restored(state_dict, self.schedule)
        run_schedule, of_horizon = continued(saved, self._built)
        in_charge = saved.in_charge
        if in_charge is None:
            in_charge = not self._is_part and self.last_epoch >= 0
        self._follow(run_schedule)
        remarks = [of_horizon, self._take_base_lrs(saved)]
        self.last_epoch = self._loaded_at = saved.last_epoch
        self._step_count = self.last_epoch + 1
        self._came_with = None
        self._drift.start_again()
        if in_charge and self.last_epoch >= 0:
            n_groups = None if saved.base_lrs is None else len(saved.base_lrs)
            self._apply(self.optimizer.param_groups[:n_groups])
        else:
            self._last_lr = self.get_lr()
        for remark in filter(None, remarks):
            self._say(remark, stacklevel=3)

    def __getstate__(self) -> dict[str, Any]:
        # what hangs on the optimizer does not travel
        return {name: value for name, value in vars(self).items() if name not in ("_drift", "_trace")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_built" not in state:
            self._built = retargetable(self.schedule, self._run_schedule.layout.total_steps)
        self._factors = FactorBlocks(self._run_schedule)
        self._drift, self._trace = DriftWatch(), trace_of(self.optimizer)
        self._drift.watch(self.optimizer, until_gone=self)

    def _initial_step(self) -> None:
        """A second time for the first part of a `SequentialLR`, which has put the lrs back before."""
        self._is_part, self._came_with = bool(self._last_lr), None if self._last_lr else self._came_with
        super()._initial_step()

    def _update_lr(self, epoch: int | None = None) -> None:
        """How a `SequentialLR` begins a part."""
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        self._came_with = None
        self._apply()

    def _follow(self, run_schedule: RetargetedSchedule) -> None:
        self._run_schedule, self.total_steps = run_schedule, run_schedule.total_steps
        self._factors = FactorBlocks(run_schedule)

    def _apply(self, groups: list[dict[str, Any]] | None = None) -> tuple[Any, Any, Any] | None:
        """Set the lrs; of one that was changed since: what it was, what we had set, what it is now."""
        factor, trace, changed = self._factors.at(self.last_epoch), self._trace, None
        before, n_before = trace.groups, len(trace.lrs)
        if groups is None:
            groups = trace.groups = self.optimizer.param_groups
        if len(groups) > n_before:
            self._take_in_groups()
        left_at = trace.lrs
        last_lr: list[float | Tensor] = []
        for group in groups:
            base_lr = group.get("initial_lr")
            if type(base_lr) is not float:
                self._take_in_groups()
                base_lr, before = group["initial_lr"], None
            lr = group["lr"]
            if type(lr) is not float and isinstance(lr, Tensor):
                lr.fill_(base_lr * factor)
                last_lr.append(lr.clone())
            else:
                group["lr"] = now = base_lr * factor
                if lr != left_at[len(last_lr)] and self._is_news(base_lr, left_at[len(last_lr)]):
                    changed = lr, left_at[len(last_lr)], now
                last_lr.append(now)
        self._last_lr = trace.lrs = last_lr
        # nobody has changed an optimizer that was loaded since, or in which other groups have moved up
        return changed if before is groups and n_before <= len(groups) else None

    def _is_news(self, base_lr: float, left_at: Any) -> bool:
        # who gives a group another initial_lr sets its lr with it
        return not self._warned_of_others and close(
            base_lr * self._factors.at(max(self.last_epoch - 1, 0)), float(left_at)
        )

    def _take_in_groups(self) -> None:
        """Of groups that are new, or came back from an optimizer's state without `initial_lr`."""
        groups, lrs = self.optimizer.param_groups, self._trace.lrs
        self.base_lrs = [*take_in_groups(self.optimizer, self.base_lrs)]
        self._trace.lrs = [*lrs, *(copy_of(group["lr"]) for group in groups[len(lrs) :])]

    def _base_lrs(self) -> list[float]:
        return base_lrs_of(self.optimizer.param_groups, self.base_lrs)

    def _take_base_lrs(self, saved: SavedRun) -> str | None:
        """Go on with the saved base lrs, which an optimizer's own state may have come back without."""
        if saved.base_lrs is None:
            return None
        here, factor = self._base_lrs(), self._factors.at(max(saved.last_epoch, 0))
        self.base_lrs = [*saved.base_lrs]
        for group, base_lr in zip(self.optimizer.param_groups, saved.base_lrs, strict=False):
            group["initial_lr"] = base_lr
        return lr_remarks.other_base_lrs(saved.base_lrs, here, factor)

    def _is_in_charge(self) -> bool:
        factor = self._factors.at(max(self.last_epoch, 0))
        pairs = zip(self.optimizer.param_groups[: len(self._last_lr)], self._base_lrs(), strict=False)
        return self.last_epoch >= 0 and all(holds(group["lr"], base_lr * factor) for group, base_lr in pairs)

    def _say(self, remark: str, stacklevel: int = 4) -> None:
        warnings.warn(f"WarmbootLR: {remark}", stacklevel=stacklevel)

    def _look_at_beginning(self) -> None:
        """At the first step that follows one of the optimizer's, which shows how the two are stepped."""
        if self._drift.is_wrong_order(self.optimizer.param_groups):
            self._say(lr_remarks.WRONG_ORDER)
        if remark := too_long_for_host(self, self.total_steps, sys._getframe(2)):
            self._say(remark)
        came_with, self._came_with = self._came_with, None
        if self._loaded_at is None and (loaded := self._trace.loaded_with(self.optimizer.param_groups)):
            self._say(lr_remarks.begun_at_another_lr(loaded))
        elif came_with is not None and not self._is_in_charge():
            self._loaded_at = self.last_epoch  # a scheduler of before was stepped first, and leaves it to us
        elif came_with is not None and self._drift.early_steps < 2:  # not stepped to where it goes on
            self._say(lr_remarks.begun_at_another_lr(came_with))

    def _warn_of_drift(self) -> None:
        # in a CUDA graph nothing is seen, and only a tensor lr reaches into one
        if not any(isinstance(lr, Tensor) and lr.is_cuda for lr in self._last_lr):
            self._say(lr_remarks.drifted(self._drift.describe(self.total_steps)))

    def _warn_of_others(self, lr: float, set_by_us: float, now: float, stacklevel: int = 4) -> None:
        # a SequentialLR has put the lrs back at the first step, a loaded optimizer may have others
        if self._step_count > 1 and self.last_epoch - 1 != self._loaded_at:
            self._warned_of_others = True
            self._say(lr_remarks.changed_by_others(lr, set_by_us, now), stacklevel)

    def _warn_of_another_lr(self) -> None:
        lr, base_lrs = self.schedule.lr, self._base_lrs()
        if lr is not None and (remark := lr_remarks.peak_of_nobody(lr, base_lrs)):
            self._say(remark)
        if self._came_with is not None and self._came_with.set_by_us is not None:
            self._say(lr_remarks.begun_at_another_lr(self._came_with))
            self._came_with = None
