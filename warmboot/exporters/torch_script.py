"""A short Python file that needs torch and nothing else, with the schedule's formula in it.

A registered curve cannot be written down as a formula: such a schedule becomes the table of its
numbers at one horizon, and the file says so.
"""

from collections.abc import Mapping

from warmboot.exporters.host_parts import scheduler_of_ones_own
from warmboot.exporters.python_parts import python_file
from warmboot.schedule import WarmbootSchedule

_BODY = '''\
import math
import warnings

from torch.optim.lr_scheduler import LRScheduler

{factor}


{parts}


def make_scheduler(optimizer, total_steps{default}, last_epoch=-1):
    """Call its step() once after each optimizer.step(); it saves and loads as torch's own do."""
    return ScheduledLR(optimizer, total_steps, last_epoch)
'''
_USE = "Use: scheduler = make_scheduler(optimizer, total_steps), then scheduler.step()."


def to_torch_script(
    schedule: WarmbootSchedule,
    *,
    total_steps: int | None = None,
    origin: Mapping[str, object] | None = None,
) -> str:
    """A Python file that defines `make_scheduler(optimizer, total_steps)`.

    Args:
        schedule: the schedule; its lr, if it has one, is named in the header only.
        total_steps: the default horizon in the file; needed for a registered curve, whose table
            holds for this horizon.
        origin: where the schedule comes from, for the header.

    Returns:
        The file's text. Its scheduler is a torch `LRScheduler`, equal to `factors()` within 1e-12.

    Raises:
        ScheduleError: if the horizon is none, or has no room for the schedule.
    """
    return python_file(
        _BODY,
        schedule,
        parts=scheduler_of_ones_own(),
        total_steps=total_steps,
        origin=origin,
        use=_USE,
        target="to_torch_script",
    )
