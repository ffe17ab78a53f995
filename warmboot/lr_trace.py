"""What our schedulers last set on an optimizer: by it an lr set by other code is noticed.

An optimizer does not know who has set its lrs, and the scheduler of one stage of a training may be
gone before the next one is built: so what was set is kept beside the optimizer, as long as it lives.
"""

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from warmboot.group_lrs import HasParamGroups

# lrs that differ by less are the same number in float32, in which a tensor lr is kept
_LR_TOLERANCE = 1e-6


def close(one: float, other: float) -> bool:
    """Whether two lrs are equal but for rounding, by float32 or by repeated multiplication.

    >>> close(0.30000001192092896, 0.3), close(0.3001, 0.3)
    (True, False)
    """
    return abs(one - other) <= _LR_TOLERANCE * abs(other)


class OtherLr(NamedTuple):
    """A group's lr that is not its `initial_lr`, as a new scheduler finds it."""

    lr: float
    initial_lr: float
    set_by_us: float | None
    """What our scheduler had set there; None where none has, or the optimizer was loaded since."""


class LrTrace:
    """The lrs last set on one optimizer, by whichever of our schedulers."""

    def __init__(self) -> None:
        self.lrs: list[Any] = []
        # an optimizer that is loaded gets another list of groups, with lrs that another run has set
        self.groups: list[dict[str, Any]] | None = None

    def other_lr(self, groups: list[dict[str, Any]]) -> OtherLr | None:
        """The first lr that neither is its group's `initial_lr` nor was set by us."""
        known = self.lrs if self.groups is groups else []
        for at, group in enumerate(groups):
            lr, initial_lr = float(group["lr"]), float(group.get("initial_lr", group["lr"]))
            set_by_us = float(known[at]) if at < len(known) else None
            if not close(lr, initial_lr) and (set_by_us is None or not close(lr, set_by_us)):
                return OtherLr(lr, initial_lr, set_by_us)
        return None

    def loaded_with(self, groups: list[dict[str, Any]]) -> OtherLr | None:
        """What an optimizer that was loaded since came back with; None: it was not, or it has our lrs."""
        ours = (close(float(group["lr"]), float(lr)) for group, lr in zip(groups, self.lrs, strict=False))
        return None if self.groups is groups or all(ours) else self.other_lr(groups)


_traces: WeakKeyDictionary[Any, LrTrace] = WeakKeyDictionary()


def trace_of(optimizer: HasParamGroups) -> LrTrace:
    """The one trace of this optimizer; a new one each time where it can't be a key, as some wrappers."""
    try:
        return _traces.setdefault(optimizer, LrTrace())
    except TypeError:
        return LrTrace()
