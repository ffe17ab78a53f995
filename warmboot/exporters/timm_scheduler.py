"""A Python file for timm: a `Scheduler` of its family that follows the schedule update by update.

timm's training script calls `step_update(num_updates)` after each update of the weights, after
accumulation, and `step(epoch)` after each epoch, which does nothing here. Counts are the script's,
so that a resumed training needs no state of the scheduler: one `step_update` sets it. Groups with
an `lr_scale` (layer-wise decay) keep it. timm's own `CosineLRScheduler` could be given arguments
for one cosine alone, with its floor in lr, and loses digits near a floor of 0; this is exact for
every schedule. Tested with timm 1.0.
"""

from warmboot.exporters.host_parts import groups_and_state, hosts_horizon
from warmboot.exporters.python_target import Origin, PythonTarget
from warmboot.schedule import WarmbootSchedule

_BODY = '''\
import math
import warnings

from timm.scheduler.scheduler import Scheduler

{factor}


{parts}


class WarmbootScheduler(Scheduler):
    """Sets each group's lr to its initial lr times the factor, at each step_update(num_updates)."""

    def __init__(self, optimizer, total_updates{default}, initialize=True):
        self.total_updates = checked_horizon(total_updates)
        super().__init__(optimizer, param_group_field="lr", t_in_epochs=False, initialize=initialize)
        self.step_update(0)  # the first update is trained before anybody calls it

    def _get_lr(self, t):
        now = factor_at(t, self.total_updates)
        self.base_values = initial_lrs(self.optimizer.param_groups, self.base_values)
        return [base_value * now for base_value in self.base_values]

    def state_dict(self):
        """No count in it: counts are the training script's."""
        return {
            "total_steps": self.total_updates,
            "base_values": [float(base_value) for base_value in self.base_values],
            "schedule": SCHEDULE,
        }

    def load_state_dict(self, state_dict):
        saved = {"total_steps": state_dict.get("total_updates", self.total_updates), **state_dict}
        say_what_differs(saved, self.total_updates)
        self.base_values = list(state_dict["base_values"])[: len(self.optimizer.param_groups)]
'''
_UNKNOWN = "give num_epochs * updates_per_epoch"
_USE = """\
Use, in place of what create_scheduler_v2 returns in timm's train.py:
    lr_scheduler = WarmbootScheduler(optimizer, num_epochs * updates_per_epoch)
Its loop goes on as it is: lr_scheduler.step_update(num_updates) after each update."""
TIMM = PythonTarget(
    exporter="to_timm",
    body=_BODY,
    parts=f"{hosts_horizon(_UNKNOWN)}\n\n\n{groups_and_state()}",
    use=_USE,
)


def to_timm(
    schedule: WarmbootSchedule, *, total_steps: int | None = None, origin: Origin | None = None
) -> str:
    """A Python file with `WarmbootScheduler(optimizer, total_updates)` for timm, exact within 1e-12.

    Arguments and errors are those of `PythonTarget.render`; `total_steps` counts updates of the weights.
    """
    return TIMM.render(schedule, total_steps=total_steps, origin=origin)
