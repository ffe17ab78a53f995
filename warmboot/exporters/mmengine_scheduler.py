"""A Python file for MMEngine (mmdetection, mmsegmentation, ...): a registered parameter scheduler.

MMEngine's `ParamSchedulerHook` steps it after each iteration, also where `accumulative_counts`
lets several iterations make one optimizer step: the horizon is counted in iterations, and its
`Runner` passes their number as `end`. Its configs can't hold functions, so the scheduler is a
module of its own that the config imports. Tested with mmengine 0.10.
"""

from warmboot.exporters.host_parts import groups_and_state, hosts_horizon
from warmboot.exporters.python_target import Origin, PythonTarget
from warmboot.schedule import WarmbootSchedule

_BODY = '''\
import math
import warnings

from mmengine.optim import _ParamScheduler
from mmengine.registry import PARAM_SCHEDULERS

{factor}


{parts}


@PARAM_SCHEDULERS.register_module()
class WarmbootScheduler(_ParamScheduler):
    """Sets each group's lr to its initial lr times the factor, after each iteration."""

    def __init__(self, optimizer, *, by_epoch=True, begin=0, end=None, last_step=-1, verbose=False):
        if by_epoch or begin or end is None:
            raise ValueError("WarmbootScheduler needs by_epoch=False, and no begin: it counts iterations")
        self.total_steps = checked_horizon(end)  # the runner sets it to the iterations of the training
        super().__init__(optimizer, param_name="lr", last_step=last_step, by_epoch=False, verbose=verbose)

    def _get_value(self):
        now = factor_at(self.last_step, self.total_steps)
        self.base_values = initial_lrs(self.optimizer.param_groups, self.base_values)
        return [base_value * now for base_value in self.base_values]

    def state_dict(self):
        return {
            "last_step": self.last_step,
            "_global_step": self._global_step,
            "total_steps": self.total_steps,
            "base_values": [float(base_value) for base_value in self.base_values],
            "schedule": SCHEDULE,
        }

    def load_state_dict(self, state_dict):
        """Go on at the saved count. The optimizer's lrs come with its own state."""
        say_what_differs(state_dict, self.total_steps)
        self.last_step, self._global_step = state_dict["last_step"], state_dict["_global_step"]
        groups = self.optimizer.param_groups
        self.base_values = list(state_dict["base_values"])[: len(groups)]
        self._last_value = [group["lr"] for group in groups]
'''
_UNKNOWN = "set max_iters or max_epochs of the training, or end=... of the scheduler"
_USE = """\
Save it as warmboot_scheduler.py where Python finds it, and in your config:
    custom_imports = dict(imports=["warmboot_scheduler"])
    param_scheduler = dict(type="WarmbootScheduler", by_epoch=False)
The horizon is the number of iterations of the training, unless end=... says another."""
MMENGINE = PythonTarget(
    exporter="to_mmengine",
    body=_BODY,
    parts=f"{hosts_horizon(_UNKNOWN)}\n\n\n{groups_and_state()}",
    use=_USE,
)


def to_mmengine(
    schedule: WarmbootSchedule, *, total_steps: int | None = None, origin: Origin | None = None
) -> str:
    """A Python file that registers `WarmbootScheduler` among MMEngine's parameter schedulers.

    Arguments and errors are those of `PythonTarget.render`; the runner passes its own number of iterations.
    """
    return MMENGINE.render(schedule, total_steps=total_steps, origin=origin)
