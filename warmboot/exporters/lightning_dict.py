"""A Python file for Lightning: what `configure_optimizers` returns, with the schedule in it.

Lightning steps a scheduler of `interval="step"` once for each optimizer step, after accumulation;
`trainer.estimated_stepping_batches` is the horizon. With manual optimization nobody steps it but
the user. `estimated_stepping_batches` is -1 or infinite where nobody knows how long it trains,
and 1 under `fast_dev_run=True`. Tested with lightning 2.6.
"""

from collections.abc import Mapping

from warmboot.exporters.host_parts import scheduler_of_host
from warmboot.exporters.python_parts import python_file
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


def to_lightning(
    schedule: WarmbootSchedule,
    *,
    total_steps: int | None = None,
    origin: Mapping[str, object] | None = None,
) -> str:
    """A Python file that defines `configured(optimizer, total_steps)` for `configure_optimizers`.

    Args:
        schedule: the schedule; its lr, if it has one, is named in the header only.
        total_steps: the default horizon in the file; a registered curve needs it, and its table
            holds for this horizon only.
        origin: where the schedule comes from, for the header.

    Returns:
        The file's text, which needs torch; it goes with `lightning` and `pytorch_lightning` alike.

    Raises:
        ScheduleError: if the horizon is none, or has no room for the schedule.
    """
    return python_file(
        _BODY,
        schedule,
        parts=scheduler_of_host(_UNKNOWN),
        total_steps=total_steps,
        origin=origin,
        use=_USE,
        target="to_lightning",
    )
