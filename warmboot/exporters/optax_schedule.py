"""A Python file for optax: a schedule as its optimizers take one, a function of the update count.

The file needs jax alone. Whole numbers are worked out before tracing, so that the function can be
jitted, scanned and mapped, and the share of a cycle that is left is a quotient of integers, so that
nothing cancels near the floor. With `jax_enable_x64` it is within 1e-12 of the value (and 1e-15 of
the peak); in jax's default float32 within 1e-6 of the peak, a polynomial of power `p` above 2
within `p` times 1e-6. Tested with optax 0.2.
"""

from warmboot.curves import RegisteredCurve
from warmboot.exporters.python_parts import header, needed_horizon, table_of_numbers, unknown_curve
from warmboot.exporters.python_target import Origin
from warmboot.schedule import WarmbootSchedule

# The formulas of `built_in_curves` in `x` and `left = 1 - x`, without a difference of near numbers.
_FORMULAS = {
    "cosine": "jnp.sin(math.pi / 2 * left) ** 2",
    "linear": "left",
    "polynomial": "left ** {power!r}",
    "one_minus_sqrt": "left / (1 + jnp.sqrt(x))",
    "rex": "left / (0.5 + 0.5 * left)",
    "constant": "jnp.ones_like(left)",
}

_FORMULA_TEMPLATE = '''\
{use}
import math

import jax.numpy as jnp

WARMUP = {warmup!r}  # {warmup_unit}
RESTARTS = {restarts!r}  # fractions of the horizon at which a new cycle starts
PEAKS = {peaks!r}  # of each cycle, as factors of the lr
HOLD = {hold!r}  # fraction of each cycle spent at its peak
FLOOR = {floor!r}  # fraction of each cycle's peak


def curve(x, left):
    """How a cycle falls, from x = 0 to x = 1; left is 1 - x, in full precision."""
    return {formula}


def make_schedule(lr, total_steps{default}):
    """A function from the count of updates to the lr; past the end it keeps the last."""
    if total_steps is None or not 1 <= total_steps < math.inf or total_steps != int(total_steps):
        raise ValueError(
            f"total_steps is {{total_steps}}, and must be a whole number of 1 or more: "
            "give the number of updates"
        )
    warmup_steps = {warmup_steps}
    starts = [warmup_steps, *(math.floor(r * total_steps + 0.5) for r in RESTARTS)]
    ends = [*starts[1:], total_steps]
    if any(start >= end for start, end in zip(starts, ends)):
        raise ValueError(f"{{total_steps}} steps are too few: cycles {{starts}} to {{ends}}")
    lengths = [end - start for start, end in zip(starts, ends)]
    holds = [min(math.floor(HOLD * n + 0.5), max(n - 2, 0)) for n in lengths]
    falls = [max(n - 1 - hold, 1) for n, hold in zip(lengths, holds)]

    def schedule(count):
        step = jnp.clip(count, 0, total_steps - 1)
        cycle = jnp.sum(step[..., None] >= jnp.array(starts[1:], dtype=int), axis=-1)
        fall_steps = jnp.array(falls)[cycle]
        past_hold = jnp.maximum(step - jnp.array(starts)[cycle] - jnp.array(holds)[cycle], 0)
        shape = curve(past_hold / fall_steps, (fall_steps - past_hold) / fall_steps)
        falling = jnp.array(PEAKS)[cycle] * (FLOOR + (1 - FLOOR) * shape)
        rising = (step + 1.0) / (warmup_steps + 1)
        return lr * jnp.where(step < warmup_steps, rising, falling)

    return schedule
'''

_TABLE_TEMPLATE = '''\
{use}
import jax.numpy as jnp

{numbers}

def make_schedule(lr, total_steps{default}):
    """A function from the count of updates to the lr; past the end it keeps the last."""
    if total_steps != len(FACTORS):
        raise ValueError(
            f"this table is for {{len(FACTORS)}} steps, not {{total_steps}}; "
            "export the schedule again for those"
        )

    def schedule(count):
        return lr * jnp.array(FACTORS)[jnp.clip(count, 0, total_steps - 1)]

    return schedule
'''
_USE = """\
Use: optimizer = optax.adamw(make_schedule(lr, total_steps)), or any other that takes a schedule.
total_steps counts updates of the weights: under optax.MultiSteps those of the inner optimizer."""


def to_optax(
    schedule: WarmbootSchedule, *, total_steps: int | None = None, origin: Origin | None = None
) -> str:
    """A Python file with `make_schedule(lr, total_steps)`, a function of the count of updates, for optax.

    The file needs jax. Arguments and errors are those of `PythonTarget.render`; the count is an integer or an
    array of any shape of them, and the function may be jitted.
    """
    if total_steps is not None:
        schedule.layout(total_steps)
    words = header(schedule, origin or {}, _USE)
    default = "" if total_steps is None else f"={total_steps}"
    if isinstance(schedule.curve, RegisteredCurve):
        horizon = needed_horizon(total_steps, schedule, "to_optax")
        numbers = table_of_numbers(schedule, horizon, unknown_curve(schedule))
        return _TABLE_TEMPLATE.format(use=words, numbers=numbers, default=default)
    absolute = schedule.warmup_steps is not None
    return _FORMULA_TEMPLATE.format(
        use=words,
        default=default,
        warmup=schedule.warmup_steps if absolute else schedule.warmup,
        warmup_unit="steps" if absolute else "fraction of the horizon",
        warmup_steps="WARMUP" if absolute else "math.floor(WARMUP * total_steps + 0.5)",
        restarts=list(schedule.restarts),
        peaks=list(schedule.peaks()),
        hold=schedule.hold,
        floor=schedule.eta_min,
        formula=_FORMULAS[schedule.curve.name].format(**schedule.curve.parameters()),
    )
