"""What every exported Python file begins with: a header of comments and the function `factor`.

`factor(step, total_steps)` is the schedule's formula in plain Python, or, where the curve is a
function that somebody registered, the table of its numbers at one horizon. `SCHEDULE` is the
schedule's name in saved states: words to read, and a digest that tells it from any other.
"""

import hashlib
import json
import textwrap
from collections.abc import Mapping

from warmboot.errors import ScheduleError
from warmboot.lr_state import identity
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_checks import total_steps_problem

EXPORT_BEGINS = "# A learning-rate schedule made by warmboot:"

PEAK_LR_LINE = "Build the optimizer with lr={lr}."
_LONGEST_ENTRY = 500
"""Characters of one entry of the origin in a comment."""

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
SCHEDULE = {name}
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
'''

_NUMBERS_TEMPLATE = """\
{why}
FACTORS = [
{table}
]
"""

_TABLE_TEMPLATE = '''\
SCHEDULE = {name}
{numbers}

def factor(step, total_steps):
    """The lr at a step, divided by the optimizer's lr."""
    if total_steps != len(FACTORS):
        raise ValueError(
            f"this table is for {{len(FACTORS)}} steps, not {{total_steps}}; "
            "export the schedule again for those"
        )
    return FACTORS[min(step, len(FACTORS) - 1)]
'''


def header(
    schedule: WarmbootSchedule,
    origin: Mapping[str, object],
    use: str,
    peak_lr_line: str = PEAK_LR_LINE,
) -> str:
    """What the file is, whence it comes and how it is used, as comments."""
    lines = textwrap.wrap(f"{EXPORT_BEGINS.removeprefix('# ')} {schedule.describe()}.", 97)
    # as JSON in ASCII, so that no text from outside can end the comment and become code
    lines += [f"{json.dumps(key)}: {json.dumps(_in_short(value))}" for key, value in origin.items()]
    if schedule.lr is not None:
        lines.append(peak_lr_line.replace("{lr}", repr(schedule.lr)))
    lines += use.splitlines()
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _in_short(value: object) -> object:
    """Without lists and tables, where it is too long for a comment: a schedule file has all of it."""
    if not isinstance(value, Mapping) or len(json.dumps(value)) <= _LONGEST_ENTRY:
        return value
    return {key: entry for key, entry in value.items() if isinstance(entry, str | int | float | None)}


def formula_of_curve(schedule: WarmbootSchedule) -> str:
    """The curve as an expression in `x`; a registered one has none."""
    return _FORMULAS[schedule.curve.name].format(**schedule.curve.parameters())


def table(schedule: WarmbootSchedule, total_steps: int, reason: str) -> str:
    """`factor` as the list of its numbers; `reason` is why, the beginning of a sentence."""
    numbers = table_of_numbers(schedule, total_steps, reason)
    return _TABLE_TEMPLATE.format(name=_name_literal(schedule), numbers=numbers)


def table_of_numbers(schedule: WarmbootSchedule, total_steps: int, reason: str) -> str:
    """`FACTORS` alone, for targets that look numbers up in their own way."""
    numbers = ", ".join(repr(factor) for factor in schedule.factors(total_steps).tolist())
    why = (
        f"{reason}: these are its numbers at {total_steps} steps, lr divided by the optimizer's lr, and "
        "good for that horizon only."
    )
    return _NUMBERS_TEMPLATE.format(
        why=textwrap.fill(why, 98, initial_indent="# ", subsequent_indent="# "),
        table=textwrap.fill(numbers, 96, initial_indent="    ", subsequent_indent="    "),
    )


def formula(schedule: WarmbootSchedule) -> str:
    """`factor` as the schedule's formula; a registered curve has none."""
    absolute = schedule.warmup_steps is not None
    return _FORMULA_TEMPLATE.format(
        name=_name_literal(schedule),
        warmup=schedule.warmup_steps if absolute else schedule.warmup,
        warmup_unit="steps" if absolute else "fraction of the horizon",
        warmup_steps="WARMUP" if absolute else "math.floor(WARMUP * total_steps + 0.5)",
        restarts=list(schedule.restarts),
        peaks=list(schedule.peaks()),
        hold=schedule.hold,
        floor=schedule.eta_min,
        formula=formula_of_curve(schedule),
    )


def name_in_states(schedule: WarmbootSchedule) -> str:
    """Which schedule a saved state is of, whatever the peak lr: words, and a digest of all its numbers.

    >>> name_in_states(WarmbootSchedule(lr=0.1, curve="linear"))
    'linear to 0 [4a5ecf2edbe0]'
    """
    digest = hashlib.sha256(json.dumps(identity(schedule)).encode()).hexdigest()
    return f"{schedule.replace(lr=None).describe()} [{digest[:12]}]"


def _name_literal(schedule: WarmbootSchedule) -> str:
    """The name as Python source, on lines of its own where it is long."""
    lines = textwrap.wrap(name_in_states(schedule), 90, drop_whitespace=False)
    if len(lines) == 1:
        return json.dumps(lines[0])
    return "(\n" + "".join(f"    {json.dumps(line)}\n" for line in lines) + ")"


def unknown_curve(schedule: WarmbootSchedule) -> str:
    """Why a registered curve becomes a table."""
    return f"The curve {schedule.curve.name!r} is a function of its author's, which this file cannot hold"


def needed_horizon(total_steps: int | None, schedule: WarmbootSchedule, target: str) -> int:
    """The horizon of a table; raises a `ScheduleError` where there is none."""
    problem = total_steps_problem(total_steps)
    if problem is not None or total_steps is None:
        rule = f"the curve {schedule.curve.name} becomes a table, which needs a horizon"
        raise ScheduleError(target, [f"{rule}: {problem}"])
    return total_steps
