"""A Python file for Lightning: what `configure_optimizers` returns, with the schedule in it.

Lightning steps a scheduler of `interval="step"` once for each optimizer step, after accumulation;
`trainer.estimated_stepping_batches` is the horizon. With manual optimization nobody steps it but
the user. `estimated_stepping_batches` is -1 or infinite where nobody knows how long it trains,
and 1 under `fast_dev_run=True`. Tested with lightning 2.6.
"""

from warmboot.exporters.host_parts import scheduler_of_host
from warmboot.exporters.python_target import Origin, PythonTarget
from warmboot.schedule import WarmbootSchedule

_BODY = '''\
import math
import warnings

from torch.optim.lr_scheduler import LRScheduler

{factor}


{parts}


def make_scheduler(optimizer, total_steps{default}):
    """Call its step() once after each optimizer.step()."""
    return ScheduledLR(optimizer, total_steps)


def configured(optimizer, total_steps{default}):
    """What `configure_optimizers` returns for this optimizer."""
    scheduler = make_scheduler(optimizer, total_steps)
    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": scheduler, "interval": "step", "frequency": 1},
    }
'''
_UNKNOWN = (
    "the trainer can't tell how long it trains; set max_steps, or max_epochs where the data has a length, "
    "or give the number"
)
_USE = """\
Use, in your LightningModule:
    def configure_optimizers(self):
        optimizer = ...
        return configured(optimizer, self.trainer.estimated_stepping_batches)"""
LIGHTNING = PythonTarget(
    exporter="to_lightning",
    body=_BODY,
    parts=scheduler_of_host(_UNKNOWN),
    use=_USE,
)


def to_lightning(
    schedule: WarmbootSchedule, *, total_steps: int | None = None, origin: Origin | None = None
) -> str:
    """A Python file with `configured(optimizer, total_steps)`, for `lightning` and `pytorch_lightning` alike.

    Arguments and errors are those of `PythonTarget.render`.
    """
    return LIGHTNING.render(schedule, total_steps=total_steps, origin=origin)
