"""`WarmbootLR`: a `WarmbootSchedule` on a PyTorch optimizer.

The one module of this package that imports torch. A step counter and nothing else: every lr is
`initial_lr` of its group times the schedule's factor at the count, a closed form, so that a
training saved and resumed at any step is the unbroken one.
"""

import warnings
from array import array
from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from warmboot.checks import integer_problem, show
from warmboot.errors import ScheduleError
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
        self._layout = schedule.layout(total_steps)
        self.total_steps = self._layout.total_steps
        self._block: array[float] = array("d")
        self._block_start = 0
        self._warned_past_end = False
        super().__init__(optimizer, last_epoch)  # calls step(), which sets the first lr
        self._warn_of_another_lr()

    def step(self, epoch: int | None = None) -> None:
        """Go on by one step; `epoch`, as in torch, jumps to a step (deprecated there)."""
        if epoch is None:
            self.last_epoch += 1
        else:
            self.last_epoch = _checked_step(epoch)
        self._step_count += 1
        if self.last_epoch > self.total_steps and not self._warned_past_end:
            self._warn_past_end()
        self._apply()

    def get_lr(self) -> list[float | Tensor]:
        """Each group's lr at the present count, computed anew."""
        factor = self._factor(self.last_epoch)
        return [_initial_lr(group) * factor for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The step count, which is all there is to save.

        Loads under `torch.load(weights_only=True)`.
        """
        return {"last_epoch": self.last_epoch}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on at the saved step count, and set the lrs that belong to it.

        It does not matter whether the optimizer's state is loaded before or after.

        Raises:
            ScheduleError: if this is not the state of a `WarmbootLR`.
        """
        if set(state_dict) != {"last_epoch"}:
            raise ScheduleError(
                "state of WarmbootLR",
                [f"must have the key 'last_epoch' and no other but has {show(sorted(state_dict))}"],
            )
        self.last_epoch = _checked_step(state_dict["last_epoch"])
        self._step_count = self.last_epoch + 1
        self._apply()

    def __getstate__(self) -> dict[str, Any]:
        # what can be computed again does not travel
        return {**self.__dict__, "_block": array("d"), "_block_start": 0}

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
            factors = self.schedule.factors_between(self._layout, start, stop)
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


def _checked_step(step: object) -> int:
    problem = integer_problem("last_epoch", step, at_least=0)
    if problem is not None:
        raise ScheduleError("WarmbootLR", [problem])
    return int(step)  # type: ignore[call-overload, no-any-return]
