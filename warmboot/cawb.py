"""`CosineAnnealingWarmbootingLR`: a drop-in for the published class of that name.

It keeps the published lr values wherever the original is defined, its known flaws among them (a
first lr of 0, a peak trained twice, a dip after warm-up): no existing training changes. For
a new training use `WarmbootSchedule` with `WarmbootLR`, which have none of them.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from warmboot.checks import show
from warmboot.errors import ScheduleError
from warmboot.group_lrs import HasParamGroups, part_shared_lrs, set_lr

_COUNTS = ("epoch_count", "batch_count", "last_epoch", "steps", "lrs")
# what the lrs to come depend on, and so has to be the same where a run goes on
_SETTINGS = ("eta_min", "step_scale", "epoch_scale", "warmup_batches", "own_lf")


class CosineAnnealingWarmbootingLR:
    """Cosine annealing with warm restarts at given epochs, each starting lower than the one before.

    Call `step_batch()` before each batch and `step()` after each epoch. Not an `LRScheduler`:
    `last_epoch` is an offset which is added to the epoch count, and users assign it to resume.

    The lr after `step()` at number `t` (epoch count plus `last_epoch`; past `epochs`, `epochs`) is
    `scale * base_lr * (((1 + cos(x pi / gap)) / 2) * (1 - eta_min) + eta_min)`, with `x` the number
    less the lower boundary of its cycle and `scale` the product of `step_scale` over the cycles
    before; `scale * base_lr * lf(x, gap)` if `lf` is given.

    Args:
        optimizer: anything with `param_groups`, each with an `lr`.
        epochs: length of the training in epochs, more than `warmup_epoch`.
        eta_min: floor as a fraction of the cycle's peak.
        steps: epochs of the restarts; those not strictly between `warmup_epoch` and `epochs` are
            dropped with a warning. The list is left as it is.
        step_scale: each cycle's peak is the one before times this.
        lf: a curve of one's own, `lf(x, gap)`, instead of the cosine.
        batchs: batches in an epoch, for warm-up.
        warmup_epoch: epochs of warm-up, from lr 0 batch by batch.
        epoch_scale: added to the length of every cycle but the last.

    Attributes:
        steps: the boundaries of the cycles, warm-up's end first and `epochs` last.
        gap: the length of the present cycle, `epoch_scale` included.
        base_lr: each group's lr at construction.

    Raises:
        ScheduleError: a `ValueError`, where the original would divide by zero.
    """

    def __init__(
        self,
        optimizer: HasParamGroups,
        epochs: int = 0,
        eta_min: float = 0.05,
        steps: Sequence[float] = (),
        step_scale: float = 0.8,
        lf: Callable[[float, float], float] | None = None,
        batchs: int = 0,
        warmup_epoch: int = 0,
        epoch_scale: float = 1.0,
    ) -> None:
        self.optimizer = optimizer
        self.epochs = epochs
        self.eta_min = eta_min
        self.step_scale = step_scale
        self.lf = lf
        self.batchs = batchs
        self.warmup_epoch = warmup_epoch
        self.epoch_scale = epoch_scale
        self.steps = self._boundaries(steps)
        self._refuse_division_by_zero()
        self.gap = self._gap_of(0)
        self.last_epoch = 0
        part_shared_lrs(optimizer)
        self.base_lr = [float(group["lr"]) for group in optimizer.param_groups]
        for group, base_lr in zip(optimizer.param_groups, self.base_lr, strict=True):
            group.setdefault("initial_lr", base_lr)
        self._epoch_count: float = -1
        self._batch_count = 0

    def step(self, external_iter: float | None = None) -> float:
        """Go on by an epoch, or to epoch `external_iter`; returns the first group's new lr."""
        self._epoch_count = self._epoch_count + 1 if external_iter is None else external_iter
        scale, x, self.gap = self._locate(self._epoch_count + self.last_epoch)
        shape = self._shape(x, self.gap)
        # not strict: a group added after construction keeps its own lr, as published
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lr, strict=False):
            set_lr(group, scale * base_lr * shape)
        return float(self.optimizer.param_groups[0]["lr"])

    def step_batch(self) -> float | None:
        """Set the lr of the next batch of warm-up; afterwards change nothing and return None."""
        count, warmup_batches = self._batch_count, self.batchs * self.warmup_epoch
        self._batch_count += 1
        if count >= warmup_batches:
            return None
        for group, base_lr in zip(self.optimizer.param_groups, self.base_lr, strict=False):
            set_lr(group, base_lr * (count / warmup_batches))
        return float(self.optimizer.param_groups[0]["lr"])

    def state_dict(self) -> dict[str, Any]:
        """Both counters, what was last set, base lrs and settings, as json-able values."""
        return {
            "epoch_count": self._epoch_count,
            "batch_count": self._batch_count,
            "last_epoch": self.last_epoch,
            "steps": list(self.steps),
            "lrs": [float(group["lr"]) for group in self.optimizer.param_groups],
            "base_lr": list(self.base_lr),
            **self._settings(),
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was taken, the optimizer's lrs included.

        `base_lr` is the saved one: an optimizer that was loaded before this was built has the lrs of
        that time. States of before they held it are loaded as well, and keep the present one.

        Raises:
            ScheduleError: if it was taken from another schedule. Nothing is changed then.
        """
        problems = self._state_problems(state_dict)
        if problems:
            raise ScheduleError("state of CosineAnnealingWarmbootingLR", problems)
        self._epoch_count = state_dict["epoch_count"]
        self._batch_count = state_dict["batch_count"]
        self.last_epoch = state_dict["last_epoch"]
        self.gap = self._locate(self._epoch_count + self.last_epoch)[2]
        self.base_lr = list(state_dict.get("base_lr", self.base_lr))
        for group, lr in zip(self.optimizer.param_groups, state_dict["lrs"], strict=True):
            set_lr(group, lr)

    def plot(self, ax: Any = None) -> Any:
        """Draw the first group's lr as `step()` sets it after each epoch; returns the axes.

        Needs matplotlib, and changes nothing in the scheduler.
        """
        if ax is None:
            ax = _new_axes()
        numbers = range(self.epochs + 1)
        ax.plot(numbers, [self._lr_at(number) for number in numbers])
        ax.set_xlabel("epoch")
        ax.set_ylabel("lr")
        return ax

    def _lr_at(self, number: float) -> float:
        scale, x, gap = self._locate(number)
        return scale * self.base_lr[0] * self._shape(x, gap)

    def _locate(self, number: float) -> tuple[float, float, float]:
        """Scale, `x` and gap at a number; past the end those of the end."""
        number = min(number, self.epochs)
        scale, i, last = 1.0, 0, len(self.steps) - 2
        while i < last and self.steps[i + 1] < number:
            scale *= self.step_scale
            i += 1
        return scale, number - self.steps[i], self._gap_of(i)

    def _gap_of(self, cycle: int) -> float:
        gap = self.steps[cycle + 1] - self.steps[cycle]
        return gap if cycle == len(self.steps) - 2 else gap + self.epoch_scale

    def _shape(self, x: float, gap: float) -> float:
        if self.lf is not None:
            return self.lf(x, gap)
        # in the published order of operations, on which the last bits depend
        return ((1 + math.cos(x * math.pi / gap)) / 2) * (1.0 - self.eta_min) + self.eta_min

    def _boundaries(self, steps: Sequence[float]) -> list[float]:
        kept = sorted(step for step in steps if self.warmup_epoch < step < self.epochs)
        dropped = [step for step in steps if not self.warmup_epoch < step < self.epochs]
        if dropped:
            warnings.warn(
                f"steps {dropped} are dropped: a restart must lie strictly between warmup_epoch "
                f"({self.warmup_epoch}) and epochs ({self.epochs}).",
                stacklevel=3,
            )
        return [self.warmup_epoch, *kept, self.epochs]

    def _refuse_division_by_zero(self) -> None:
        if self.warmup_epoch >= self.epochs:
            raise ScheduleError(
                "CosineAnnealingWarmbootingLR",
                [
                    "epochs must be greater than warmup_epoch but got "
                    f"epochs {self.epochs} and warmup_epoch {self.warmup_epoch}"
                ],
            )
        problems = [
            f"epoch_scale {self.epoch_scale} leaves the cycle from {start} to {end} no length"
            for i, (start, end) in enumerate(pairwise(self.steps))
            if start < end and self._gap_of(i) == 0  # no number falls into an empty cycle
        ]
        if problems:
            raise ScheduleError("CosineAnnealingWarmbootingLR", problems)

    def _settings(self) -> dict[str, Any]:
        values = (
            self.eta_min,
            self.step_scale,
            self.epoch_scale,
            self.batchs * self.warmup_epoch,
            self.lf is not None,
        )
        return dict(zip(_SETTINGS, values, strict=True))

    def _state_problems(self, state: Mapping[str, Any]) -> list[str]:
        keys = (*_COUNTS, "base_lr", *_SETTINGS)
        found = sorted(map(str, state)) if isinstance(state, Mapping) else []
        if set(found) not in (set(keys), set(_COUNTS)):
            what = f"has {show(found)}" if found else f"is {show(state)}: the checkpoint holds no state of it"
            return [f"must have the keys {', '.join(keys)} but {what}; load what its state_dict() gave"]
        here = {"steps": self.steps, **self._settings()}
        verb = {"steps": "they are"}
        problems = [
            f"was taken with {name} {state[name]} but here {verb.get(name, 'it is')} {value}"
            for name, value in here.items()
            if name in state and state[name] != value
        ]
        groups = len(self.optimizer.param_groups)
        if len(state["lrs"]) != groups:
            problems.append(f"has {len(state['lrs'])} lrs but the optimizer has {groups} groups")
        return problems


def _new_axes() -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "plot() needs matplotlib, which is not installed: pip install matplotlib"
        ) from error
    return pyplot.subplots()[1]
