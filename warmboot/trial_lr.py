"""`TrialLR`: the `WarmbootLR` of a trial, whose step count is known after it is gone.

A script may report when the function that trained has returned, and the scheduler with it.
"""

import contextlib
import math
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from warmboot import lr_remarks
from warmboot.checkpoints import kept_files
from warmboot.following import follow
from warmboot.trial_files import TrialFile
from warmboot.warmboot_lr import WarmbootLR
from warmboot.whole_file import write_whole

if TYPE_CHECKING:
    from torch.optim import Optimizer

# a tensor lr is kept in float32
_LR_TOLERANCE = 1e-5


class TrialLR(WarmbootLR):
    """As `WarmbootLR`; `follow_for` lets a trial ask how far it is."""

    _watch: "_Watch | None" = None

    def follow_for(self, trial: TrialFile) -> None:
        """Hold the reports of the trial to the steps of this scheduler."""
        self._watch = _Watch(weakref.ref(self), trial)
        follow(trial, self._watch)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """As `WarmbootLR`'s; in a run that goes on past its horizon also the state of before."""
        state = self._watch.carried_over(state_dict, self) if self._watch is not None else state_dict
        super().load_state_dict(state)

    def _warn_of_others(self, lr: float, set_by_us: float, now: float, stacklevel: int = 4) -> None:
        """The next report may find the lr put right again, so that the search is told here."""
        super()._warn_of_others(lr, set_by_us, now, stacklevel + 1)
        if self._warned_of_others and self._watch is not None:
            remark = lr_remarks.changed_in_trial(lr, set_by_us, self.last_epoch)
            write_whole(self._watch.remark, remark)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_watch"}

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # half made, or at the end of the interpreter
            if self._watch is not None:
                self._watch.last_steps = self.last_epoch


class _Watch:
    """What is known of a scheduler, alive or gone; does not keep it, nor the optimizer, alive."""

    how = (
        "Call the step() of the scheduler that attach gives once after each optimizer.step() (Trainer does "
        'so with optimizers=(optimizer, scheduler), Lightning with "interval": "step")'
    )

    how_to_go_on = (
        "Save the state_dict() of the scheduler that attach gives beside the model's and the optimizer's, "
        "and load it; a checkpoint without it goes on by "
        'scheduler.load_state_dict({"last_epoch": steps_done})'
    )

    def __init__(self, scheduler: "weakref.ref[TrialLR]", trial: TrialFile) -> None:
        self._scheduler, self.remark, self._trial = scheduler, trial.remark, trial
        self.last_steps = 0

    def carried_over(self, state: Mapping[str, Any], scheduler: "TrialLR") -> Mapping[str, Any]:
        """A saved state; where it is of the schedule that the trial's extends, as one of the trial's: both
        have the same factors as far as the first goes."""
        kept = kept_files(self._trial)
        before = None if kept is None else kept.extends
        if before is None or any(state.get(name) != value for name, value in before.items()):
            return state
        now = scheduler.state_dict()
        return {**state, **{name: now[name] for name in before}}

    def steps(self) -> int:
        scheduler = self._scheduler()
        return self.last_steps if scheduler is None else scheduler.last_epoch

    def trouble(self) -> str | None:
        scheduler = self._scheduler()
        if scheduler is None:
            return None
        found = _other_lr(scheduler.optimizer, scheduler.get_last_lr())
        if found is None:
            return None
        return (
            f"the lr of the optimizer is {found[0]:g} where the trial's schedule has set {found[1]:g}: "
            "something else sets it too. In a trial only the scheduler that attach gives may set the lr; "
            "make your own in otherwise=lambda: ..., and step what attach returns."
        )


def _other_lr(optimizer: "Optimizer", set_lrs: Any) -> tuple[float, float] | None:
    """The first lr that is not the one that was set, and that one."""
    for group, lr in zip(optimizer.param_groups, set_lrs, strict=False):  # groups may have been added
        actual, expected = float(group["lr"]), float(lr)
        if not math.isclose(actual, expected, rel_tol=_LR_TOLERANCE, abs_tol=1e-30):
            return actual, expected
    return None
