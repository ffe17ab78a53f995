"""A short Python file that needs torch and nothing else, with the schedule's formula in it.

A registered curve cannot be written down as a formula: such a schedule becomes the table of its
numbers at one horizon, and the file says so.
"""

import json
import textwrap
from collections.abc import Mapping

from warmboot.curves import RegisteredCurve
from warmboot.errors import ScheduleError
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_checks import total_steps_problem

# The formulas of `built_in_curves` in plain Python, as the body of `curve(x)`.
_FORMULAS = {
    "cosine": "math.sin(math.pi / 2 * (1 - x)) ** 2",
    "linear": "1 - x",
    "polynomial": "(1 - x) ** {power!r}",
    "one_minus_sqrt": "1 - math.sqrt(x)",
    "rex": "(1 - x) / (1 - 0.5 * x)",
    "constant": "1.0",
}

_FORMULA_TEMPLATE = '''\
import math

from torch.optim.lr_scheduler import LambdaLR

WARMUP = {warmup!r}  # {warmup_unit}
RESTARTS = {restarts!r}  # fractions of the horizon at which a new cycle starts
PEAKS = {peaks!r}  # of each cycle, as factors of the optimizer's lr
HOLD = {hold!r}  # fraction of each cycle spent at its peak
FLOOR = {floor!r}  # fraction of each cycle's peak


def curve(x):
    """How a cycle falls, from x = 0 to x = 1."""
    return {formula}


def factor(step, total_steps):
    """The lr at a step, divided by the optimizer's lr."""
    warmup_steps = {warmup_steps}
    starts = [warmup_steps, *(math.floor(r * total_steps + 0.5) for r in RESTARTS)]
    ends = [*starts[1:], total_steps]
    if any(start >= end for start, end in zip(starts, ends)):
        raise ValueError(f"{{total_steps}} steps are too few: cycles {{starts}} to {{ends}}")
    step = min(step, total_steps - 1)
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    cycle = max(i for i, start in enumerate(starts) if start <= step)
    cycle_steps = ends[cycle] - starts[cycle]
    hold_steps = min(math.floor(HOLD * cycle_steps + 0.5), max(cycle_steps - 2, 0))
    past_hold = max(0, step - starts[cycle] - hold_steps)
    x = past_hold / max(cycle_steps - 1 - hold_steps, 1)
    return PEAKS[cycle] * (FLOOR + (1 - FLOOR) * curve(x))


def make_scheduler(optimizer, total_steps{default}):
    """Call its step() once after each optimizer.step()."""
    return LambdaLR(optimizer, lambda step: factor(step, total_steps))
'''

_TABLE_TEMPLATE = '''\
from torch.optim.lr_scheduler import LambdaLR

# The curve {name!r} is a function of its author's, which this file cannot hold: these are its
# numbers at {total_steps} steps, lr divided by the optimizer's lr, and good for that horizon only.
FACTORS = [
{table}
]


def make_scheduler(optimizer, total_steps=len(FACTORS)):
    """Call its step() once after each optimizer.step()."""
    if total_steps != len(FACTORS):
        raise ValueError(f"this table is for {{len(FACTORS)}} steps, not {{total_steps}}")
    return LambdaLR(optimizer, lambda step: FACTORS[min(step, len(FACTORS) - 1)])
'''


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
        The file's text. Its scheduler is a torch `LambdaLR`, equal to `factors()` within 1e-12.

    Raises:
        ScheduleError: if the horizon is none, or has no room for the schedule.
    """
    if total_steps is not None:
        schedule.layout(total_steps)
    header = _header(schedule, origin or {})
    if isinstance(schedule.curve, RegisteredCurve):
        return f"{header}\n{_table(schedule, total_steps)}"
    return f"{header}\n{_formula(schedule, total_steps)}"


def _formula(schedule: WarmbootSchedule, total_steps: int | None) -> str:
    absolute = schedule.warmup_steps is not None
    return _FORMULA_TEMPLATE.format(
        warmup=schedule.warmup_steps if absolute else schedule.warmup,
        warmup_unit="steps" if absolute else "fraction of the horizon",
        warmup_steps="WARMUP" if absolute else "math.floor(WARMUP * total_steps + 0.5)",
        restarts=list(schedule.restarts),
        peaks=list(schedule.peaks()),
        hold=schedule.hold,
        floor=schedule.eta_min,
        formula=_FORMULAS[schedule.curve.name].format(**schedule.curve.parameters()),
        default="" if total_steps is None else f"={total_steps}",
    )


def _table(schedule: WarmbootSchedule, total_steps: int | None) -> str:
    problem = total_steps_problem(total_steps)
    if problem is not None:
        rule = f"the curve {schedule.curve.name} becomes a table, which needs a horizon"
        raise ScheduleError("to_torch_script", [f"{rule}: {problem}"])
    assert total_steps is not None
    numbers = ", ".join(repr(factor) for factor in schedule.factors(total_steps).tolist())
    return _TABLE_TEMPLATE.format(
        name=schedule.curve.name,
        total_steps=total_steps,
        table=textwrap.fill(numbers, 96, initial_indent="    ", subsequent_indent="    "),
    )


def _header(schedule: WarmbootSchedule, origin: Mapping[str, object]) -> str:
    words = f"A learning-rate schedule made by warmboot: {schedule.describe()}."
    lines = textwrap.wrap(words, 97)
    # as JSON in ASCII, so that no text from outside can end the comment and become code
    lines += [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in origin.items()]
    if schedule.lr is not None:
        lines.append(f"Build the optimizer with lr={schedule.lr!r}.")
    lines.append("Use: scheduler = make_scheduler(optimizer, total_steps), then scheduler.step().")
    return "".join(f"# {line}\n" for line in lines)
