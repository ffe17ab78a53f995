"""A Python file for Hugging Face's `Trainer`: a subclass that makes this schedule's scheduler.

`Trainer` steps it once for each update of the weights, after accumulation, and not where a
`GradScaler` skipped the update: what it passes as `num_training_steps` is the horizon. The
arguments `lr_scheduler_type` and `warmup_*` have no say any more. Tested with transformers 5.23.
"""

from warmboot.exporters.host_parts import scheduler_of_host
from warmboot.exporters.python_target import Origin, PythonTarget
from warmboot.schedule import WarmbootSchedule

_BODY = '''\
import math
import warnings

from torch.optim.lr_scheduler import LRScheduler
from transformers import Trainer

{factor}


{parts}


def make_scheduler(optimizer, total_steps{default}):
    """For those who build the optimizer: Trainer(..., optimizers=(optimizer, make_scheduler(...)))."""
    return ScheduledLR(optimizer, total_steps)

{peak_lr}
class ScheduleMixin:
    """For other trainers, before them: class MyTrainer(ScheduleMixin, SFTTrainer)."""

    def create_scheduler(self, num_training_steps, optimizer=None):
        if self.lr_scheduler is None:
            optimizer = self.optimizer if optimizer is None else optimizer{say_another_peak_lr}
            self.lr_scheduler = make_scheduler(optimizer, num_training_steps)
            self._created_lr_scheduler = True
        return self.lr_scheduler


class ScheduledTrainer(ScheduleMixin, Trainer):
    """`Trainer` on this schedule, whatever lr_scheduler_type and the warm-up arguments say."""
'''
_PEAK_LR = '''
PEAK_LR = {lr}  # with which the schedule was found


def say_another_peak_lr(optimizer):
    """Of an optimizer none of whose groups begins from the schedule's."""
    lrs = [float(group.get("initial_lr", group["lr"])) for group in optimizer.param_groups]
    if not any(math.isclose(lr, PEAK_LR, rel_tol=1e-6) for lr in lrs):
        warnings.warn(
            f"the schedule was found with a peak lr of {PEAK_LR:g}, this training's is {lrs[0]:g}, which "
            f"counts; the schedule's own is TrainingArguments(learning_rate={PEAK_LR!r})"
        )

'''
_SAY_ANOTHER_PEAK_LR = "\n            say_another_peak_lr(optimizer)"
_UNKNOWN = "set max_steps where the data has no length, or give the number of updates"
_USE = """\
Use: ScheduledTrainer(model, args, ...) in place of Trainer(model, args, ...); the peak lr is
args.learning_rate, the horizon the number of steps that the trainer works out for itself."""
TRANSFORMERS = PythonTarget(
    exporter="to_transformers",
    body=_BODY,
    parts=scheduler_of_host(_UNKNOWN),
    use=_USE,
    peak_lr_line="Peak lr: TrainingArguments(learning_rate={lr}).",
    with_lr={"peak_lr": _PEAK_LR, "say_another_peak_lr": _SAY_ANOTHER_PEAK_LR},
)


def to_transformers(
    schedule: WarmbootSchedule, *, total_steps: int | None = None, origin: Origin | None = None
) -> str:
    """A Python file with `ScheduledTrainer`, `ScheduleMixin` and `make_scheduler`.

    Arguments and errors are those of `PythonTarget.render`. The schedule's lr, if it has one, stays the
    trainer's to give, as `TrainingArguments(learning_rate=...)`; another one is said.
    """
    return TRANSFORMERS.render(schedule, total_steps=total_steps, origin=origin)
