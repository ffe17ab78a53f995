"""A short Python file that needs torch and nothing else, with the schedule's formula in it.

A registered curve cannot be written down as a formula: such a schedule becomes the table of its
numbers at one horizon, and the file says so.
"""

from warmboot.exporters.host_parts import scheduler_of_ones_own
from warmboot.exporters.python_target import Origin, PythonTarget
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
TORCH = PythonTarget(
    exporter="to_torch_script",
    body=_BODY,
    parts=scheduler_of_ones_own(),
    use=_USE,
)


def to_torch_script(
    schedule: WarmbootSchedule, *, total_steps: int | None = None, origin: Origin | None = None
) -> str:
    """A Python file with `make_scheduler(optimizer, total_steps)`, a torch `LRScheduler`, within 1e-12.

    Arguments and errors are those of `PythonTarget.render`.
    """
    return TORCH.render(schedule, total_steps=total_steps, origin=origin)
