"""Arguments for the published `CosineAnnealingWarmbootingLR`, for trainings that use it already.

That class sets one lr for an epoch, an epoch late: epoch `e` is trained at its number `e - 1`, and
a restart at boundary `b` begins in epoch `b + 2`. So restarts and the end of warm-up move to whole
epochs, and its known flaws stay (see `cawb`). How far its lr is from the schedule's is measured at
every step and said in the file; a schedule from which it would be too far in the mean is refused.
Curves other than the cosine go through its argument `lf`. Several
step scales and registered curves have no place in it: then the file holds the table of numbers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from warmboot.cawb_loop import lf_of, lrs_in_loop
from warmboot.checks import integer_problem
from warmboot.curves import Cosine, FloatArray, RegisteredCurve
from warmboot.errors import ScheduleError
from warmboot.exporters.host_parts import scheduler_of_ones_own
from warmboot.exporters.python_parts import formula_of_curve, header, table, unknown_curve
from warmboot.schedule import WarmbootSchedule

_USE = """\
Use: scheduler = CosineAnnealingWarmbootingLR(optimizer, **ARGUMENTS), in the loop it was made for:
step_batch() before each batch, step() after each epoch."""

_LF_TEMPLATE = """\
import math


def lf(x, gap):
    x = min(max(x / gap, 0.0), 1.0)
    x = max(0.0, x - {hold!r}) / (1 - {hold!r})
    return {floor!r} + (1 - {floor!r}) * ({formula})


"""

_TABLE_USE = "Use: scheduler = make_scheduler(optimizer), then scheduler.step() after each optimizer.step()."
_TABLE_TEMPLATE = '''\
import math
import warnings

from torch.optim.lr_scheduler import LRScheduler

{factor}

{parts}


def make_scheduler(optimizer, total_steps={total_steps}, last_epoch=-1):
    """Call its step() once after each optimizer.step()."""
    return ScheduledLR(optimizer, total_steps, last_epoch)
'''


# Trainings of 30 epochs or more stay below in the mean; of 10 and fewer, hardly anything is left of a shape.
LARGEST_MEAN_DEVIATION = 0.1


@dataclass(frozen=True)
class Deviation:
    """How far the class's lr is from the schedule's, in units of the peak lr."""

    largest: float
    at_step: int
    at_epoch: int
    mean: float
    """Over all steps."""

    def words(self, lr: float | None = None) -> str:
        """A sentence; the largest in lr as well where the schedule has one."""
        in_lr = "" if lr is None else f" ({self.largest * lr:.3g} in lr)"
        return (
            f"Largest deviation from the schedule: {self.largest:.3g} of the peak lr{in_lr}, at step "
            f"{self.at_step} in epoch {self.at_epoch};\nmean over all steps: {self.mean:.3g} of the peak lr."
        )


class CawbExport(NamedTuple):
    """The file's text, and what the arguments in it are worth; None where it holds the table."""

    text: str
    deviation: Deviation | None


def to_cawb(
    schedule: WarmbootSchedule,
    *,
    epochs: int,
    steps_per_epoch: int,
    origin: Mapping[str, object] | None = None,
    max_deviation: float = LARGEST_MEAN_DEVIATION,
) -> str:
    """The text of `cawb_export`, which has the arguments' meanings and what is raised."""
    return cawb_export(
        schedule,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        origin=origin,
        max_deviation=max_deviation,
    ).text


def cawb_export(
    schedule: WarmbootSchedule,
    *,
    epochs: int,
    steps_per_epoch: int,
    origin: Mapping[str, object] | None = None,
    max_deviation: float = LARGEST_MEAN_DEVIATION,
) -> CawbExport:
    """A Python file with `ARGUMENTS` for `CosineAnnealingWarmbootingLR`, and what they are worth.

    Args:
        schedule: the schedule; its lr, if it has one, is named in the header only.
        epochs: epochs of the training, 1 or more.
        steps_per_epoch: batches in each of them, 1 or more.
        origin: where the schedule comes from, for the header.
        max_deviation: the largest mean deviation that is taken, 0 or more, in units of the peak lr.

    Returns:
        The file's text, and the deviation, which stands in its header as well: the largest and the mean
        over all steps, in units of the peak lr. Where the class can't express the schedule, the file
        says why and defines `make_scheduler(optimizer)` over the table of numbers.

    Raises:
        ScheduleError: if the schedule has no room on `epochs * steps_per_epoch` steps, or the class
            would be farther from it than `max_deviation`.
    """
    _check_numbers(epochs, steps_per_epoch, max_deviation)
    expected = schedule.factors(epochs * steps_per_epoch)
    arguments = _arguments(schedule, epochs, steps_per_epoch)
    reason = _why_not(schedule, arguments)
    if reason is not None:
        return CawbExport(_table_file(schedule, len(expected), reason, origin), None)
    lf = None if _is_plain_cosine(schedule) else lf_of(schedule)
    # whether a cycle's length has one more epoch decides where its floor lies: take the nearer one
    tried = {
        scale: np.abs(lrs_in_loop({**arguments, "epoch_scale": scale}, lf) - expected) for scale in (0.0, 1.0)
    }
    epoch_scale, distances = min(tried.items(), key=lambda item: float(item[1].max()))
    deviation = _deviation(distances, steps_per_epoch)
    if deviation.mean > max_deviation:
        raise _too_far(deviation, max_deviation)
    use = f"{deviation.words(schedule.lr)}\n{_USE}"
    lines = [f"    {name}={value!r},\n" for name, value in {**arguments, "epoch_scale": epoch_scale}.items()]
    if lf is not None:
        lines.append("    lf=lf,\n")
    definition = "" if lf is None else lf_source(schedule)
    text = f"{header(schedule, origin or {}, use)}\n{definition}ARGUMENTS = dict(\n{''.join(lines)})\n"
    return CawbExport(text, deviation)


def lf_source(schedule: WarmbootSchedule) -> str:
    """`lf_of(schedule)` as Python source; a registered curve has none."""
    formula = formula_of_curve(schedule)
    return _LF_TEMPLATE.format(hold=schedule.hold, floor=schedule.eta_min, formula=formula)


def _arguments(schedule: WarmbootSchedule, epochs: int, steps_per_epoch: int) -> dict[str, Any]:
    """What the class is given, but for `epoch_scale` and `lf`; restarts and warm-up in whole epochs."""
    layout = schedule.layout(epochs * steps_per_epoch)
    warmup_epochs = math.floor(layout.warmup_steps / steps_per_epoch + 0.5)
    scales = schedule.step_scale if isinstance(schedule.step_scale, tuple) else (schedule.step_scale,)
    return {
        "epochs": epochs,
        "eta_min": schedule.eta_min,
        "steps": [math.floor(cycle.start / steps_per_epoch + 0.5) - 2 for cycle in layout.cycles[1:]],
        "step_scale": scales[0] if scales else 1.0,
        "batchs": steps_per_epoch,
        # a warm-up that is there stays there: none at all may cost the training
        "warmup_epoch": max(warmup_epochs, 1 if layout.warmup_steps else 0),
    }


def _why_not(schedule: WarmbootSchedule, arguments: Mapping[str, Any]) -> str | None:
    """Why the class can't express the schedule, as the beginning of a sentence."""
    if isinstance(schedule.curve, RegisteredCurve):
        return unknown_curve(schedule)
    if isinstance(schedule.step_scale, tuple) and len(set(schedule.step_scale)) > 1:
        return "CosineAnnealingWarmbootingLR has one step_scale for all restarts, this schedule several"
    boundaries = [arguments["warmup_epoch"], *arguments["steps"], arguments["epochs"]]
    if any(low >= high for low, high in pairwise(boundaries)):
        return (
            "CosineAnnealingWarmbootingLR restarts two epochs after a boundary, and this schedule on "
            f"{arguments['epochs']} epochs would need them at {boundaries}, which do not rise"
        )
    return None


def _is_plain_cosine(schedule: WarmbootSchedule) -> bool:
    return isinstance(schedule.curve, Cosine) and schedule.hold == 0.0


def _deviation(distances: FloatArray, steps_per_epoch: int) -> Deviation:
    at = int(distances.argmax())
    return Deviation(float(distances[at]), at, at // steps_per_epoch, float(distances.mean()))


def _too_far(deviation: Deviation, max_deviation: float) -> ScheduleError:
    enough = math.ceil(100 * deviation.mean) / 100
    rule = (
        "CosineAnnealingWarmbootingLR sets one lr an epoch, an epoch late, and would train "
        f"{deviation.mean:.3g} of the peak lr beside the schedule in the mean of all steps (at most "
        f"{deviation.largest:.3g}), more than {max_deviation:g}; train for more epochs, export another "
        f"format, or take it all the same with max_deviation={enough:g} (warmboot export: --max-deviation "
        f"{enough:g})"
    )
    return ScheduleError("to_cawb", [rule])


def _check_numbers(epochs: int, steps_per_epoch: int, max_deviation: float) -> None:
    counts = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    problems = [integer_problem(name, count, at_least=1) for name, count in counts.items()]
    if not max_deviation >= 0.0:
        problems.append(f"max_deviation must be at least 0 but got {max_deviation}")
    if any(problems):
        raise ScheduleError("to_cawb", [problem for problem in problems if problem is not None])


def _table_file(
    schedule: WarmbootSchedule, total_steps: int, reason: str, origin: Mapping[str, object] | None
) -> str:
    text = _TABLE_TEMPLATE.format(
        factor=table(schedule, total_steps, reason),
        parts=scheduler_of_ones_own(),
        total_steps=total_steps,
    )
    return f"{header(schedule, origin or {}, _TABLE_USE)}\n{text}"
