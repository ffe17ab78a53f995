"""A Python file for Ultralytics (YOLO): a trainer whose lr follows the schedule batch by batch.

Its own scheduler sets the lr once an epoch through a function `lf`, over which its warm-up is laid
batch by batch, for three epochs by default: a schedule given as `lf` would be a staircase, and its
warm-up another. So the trainer sets the lr itself at the start of each batch, exactly; its own
warm-up has to be off (`warmup_epochs=0`; the file refuses to train otherwise), and with it goes
what it does besides lr: momentum that starts at `warmup_momentum`, bias lrs at `warmup_bias_lr`,
accumulation that grows to its full count.

The horizon is epochs times batches of an epoch, whatever the accumulation: the trainer's own
numbers, a resumed training's too. Tested with ultralytics 8.4; its validation, which needs
torchvision, was left out of that test.
"""

from warmboot.exporters.host_parts import groups, hosts_horizon
from warmboot.exporters.python_target import Origin, PythonTarget
from warmboot.schedule import WarmbootSchedule

_BODY = '''\
import math
import warnings

from torch.optim.lr_scheduler import LRScheduler
from ultralytics.models.yolo.detect import DetectionTrainer

{factor}


{parts}


class LeaveLrs(LRScheduler):
    """In place of the trainer's own scheduler, which breaks where a group is added."""

    def get_lr(self):
        return [group["lr"] for group in self.optimizer.param_groups]


def check_training(trainer):
    if trainer.args.warmup_epochs:
        raise ValueError(
            f"warmup_epochs is {trainer.args.warmup_epochs}: pass warmup_epochs=0, the schedule has its own"
        )
    checked_horizon(trainer.epochs * len(trainer.train_loader))
    trainer.initial_lrs = []


def begin_epoch(trainer):
    trainer.batches_of_epoch = 0


def set_lrs(trainer):
    batches = len(trainer.train_loader)
    step = trainer.epoch * batches + trainer.batches_of_epoch
    trainer.batches_of_epoch += 1
    now = factor_at(step, trainer.epochs * batches)
    groups = trainer.optimizer.param_groups
    trainer.initial_lrs = initial_lrs(groups, trainer.initial_lrs)
    for group, initial_lr in zip(groups, trainer.initial_lrs):
        group["lr"] = initial_lr * now


class ScheduleMixin:
    """For other trainers, before them: class MyTrainer(ScheduleMixin, SegmentationTrainer)."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.add_callback("on_train_start", check_training)
        self.add_callback("on_train_epoch_start", begin_epoch)
        self.add_callback("on_train_batch_start", set_lrs)

    def _setup_scheduler(self):
        super()._setup_scheduler()
        self.scheduler = LeaveLrs(self.optimizer)


class ScheduledTrainer(ScheduleMixin, DetectionTrainer):
    """`DetectionTrainer` on this schedule, whatever lrf and cos_lr say."""
'''
_UNKNOWN = "epochs times batches of an epoch"
_USE = """\
Use: model.train(trainer=ScheduledTrainer, warmup_epochs=0, optimizer="SGD", lr0=..., ...)
The peak lr is lr0, unless optimizer="auto" (the default) chooses another. Keep this file where
Python finds it, so that training on several GPUs can import it."""
ULTRALYTICS = PythonTarget(
    exporter="to_ultralytics",
    body=_BODY,
    parts=f"{hosts_horizon(_UNKNOWN)}\n\n\n{groups()}",
    use=_USE,
    peak_lr_line="Peak lr: lr0={lr}.",
)


def to_ultralytics(
    schedule: WarmbootSchedule, *, total_steps: int | None = None, origin: Origin | None = None
) -> str:
    """A Python file with `ScheduledTrainer` and `ScheduleMixin` for Ultralytics.

    Arguments and errors are those of `PythonTarget.render`; the trainer counts its own batches.
    """
    return ULTRALYTICS.render(schedule, total_steps=total_steps, origin=origin)
