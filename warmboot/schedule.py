"""`WarmbootSchedule`: the learning rate as a function of training progress, a frozen value.

All positions are fractions of the horizon, so that one schedule serves any horizon; a horizon in
steps is given when numbers are asked for. The fields' rules are in `schedule_checks`, the way
from fractions to steps in `layout`, how a cycle falls in `curves`.
"""

import dataclasses
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from warmboot.checks import as_float, integer_problem
from warmboot.curves import Constant, Curve, FloatArray
from warmboot.errors import ScheduleError
from warmboot.layout import Cycle, Layout, lay_out, nearest_step
from warmboot.schedule_checks import (
    as_curve,
    peaks_of,
    schedule_problems,
    step_scales,
    total_steps_problem,
)


@dataclass(frozen=True, init=False, kw_only=True)
class WarmbootSchedule:
    """Warm-up, then cycles separated by restarts, each falling from its peak to its floor.

    With `N` total steps, `W` warm-up steps and cycle `i` of `n` steps from step `a` on, of which
    `h` more than the first stay at the peak, the factor (lr divided by the peak lr) at step `k` is

    - `(k + 1) / (W + 1)` in warm-up,
    - `s_i (eta_min + (1 - eta_min) c(x))`, `x = max(0, k - a - h) / (n - 1 - h)`, in cycle `i`,

    with `s_i` the product of the step scales so far and `c` the curve. The first step of a cycle
    is trained at its exact peak, the last (of two or more) at its exact floor.

    Args:
        lr: peak lr, greater than 0, there to build the optimizer with; optional.
        warmup: fraction of the horizon, [0, 1).
        warmup_steps: instead of `warmup`, a number of steps, 0 or more.
        restarts: fractions at which a new cycle starts: strictly rising, in (warmup, 1).
        step_scale: each cycle's peak is the one before times this, (0, 1]; or one for each restart.
        hold: fraction of each cycle spent at its peak before it falls, [0, 1).
        eta_min: floor as a fraction of the cycle's own peak, [0, 1].
        curve: a name (`"cosine"`) or a curve object (`Polynomial(power=0.7)`).
        allow_rising: permits step scales above 1.

    Raises:
        ScheduleError: a `ValueError` with all problems.

    >>> WarmbootSchedule(warmup=0.2, restarts=[0.6], step_scale=0.5, curve="linear").factors(10)
    array([0.33333333, 0.66666667, 1.        , 0.66666667, 0.33333333,
           0.        , 0.5       , 0.33333333, 0.16666667, 0.        ])
    """

    lr: float | None
    warmup: float
    warmup_steps: int | None
    restarts: tuple[float, ...]
    step_scale: float | tuple[float, ...]
    hold: float
    eta_min: float
    curve: Curve
    allow_rising: bool

    def __init__(
        self,
        *,
        lr: float | None = None,
        warmup: float = 0.0,
        warmup_steps: int | None = None,
        restarts: Sequence[float] | FloatArray = (),
        step_scale: float | Sequence[float] | FloatArray = 1.0,
        hold: float = 0.0,
        eta_min: float = 0.0,
        curve: str | Curve = "cosine",
        allow_rising: bool = False,
    ) -> None:
        given = {name: value for name, value in locals().items() if name != "self"}
        problems = schedule_problems(given)
        if problems:
            raise ScheduleError("schedule", problems)
        for name, value in _normalised(given).items():
            object.__setattr__(self, name, value)  # frozen for everybody else

    def factors(self, total_steps: int) -> FloatArray:
        """The factor at each step of a horizon, float64 of shape `[total_steps]`.

        Raises:
            ScheduleError: where the horizon leaves a cycle without a step.
        """
        layout = self.layout(total_steps)
        return self.factors_between(layout, 0, layout.total_steps)

    def factor(self, step: int, total_steps: int) -> float:
        """The factor at one step, the same bits as in `factors`; past the end the last value.

        >>> WarmbootSchedule(curve="linear").factor(1, 3)
        0.5
        """
        problem = integer_problem("step", step, at_least=0)
        if problem is not None:
            raise ScheduleError("factor", [problem])
        layout = self.layout(total_steps)
        at = min(operator.index(step), layout.total_steps - 1)
        return float(self.factors_between(layout, at, at + 1)[0])

    def lr_table(self, total_steps: int) -> FloatArray:
        """`lr * factors(total_steps)`, float64 of shape `[total_steps]`, for a schedule that has an lr.

        Scaled with `lr` to the last bits, down to 2.3e-308; an lr below that is rounded to the nearest
        float there is, a multiple of 4.9e-324, and may be 0.

        Raises:
            ScheduleError: it has none; or as `factors` does.
        """
        if self.lr is None:
            raise ScheduleError(
                "lr_table", ["this schedule has no lr; give it one: schedule.replace(lr=...)"]
            )
        return self.lr * self.factors(total_steps)

    def layout(self, total_steps: int) -> Layout:
        """Where warm-up and cycles lie in steps on that horizon; raises as `factors` does."""
        problem = total_steps_problem(total_steps)
        if problem is not None:
            raise ScheduleError("schedule", [problem])
        n_steps = operator.index(total_steps)
        warmup_steps = self.warmup_steps
        if warmup_steps is None:
            warmup_steps = nearest_step(self.warmup, n_steps)
        return lay_out(
            total_steps=n_steps,
            warmup_steps=warmup_steps,
            restarts=self.restarts,
            peaks=self.peaks(),
            hold=self.hold,
        )

    def factors_between(self, layout: Layout, start: int, stop: int) -> FloatArray:
        """Factors of steps `start .. stop - 1` within a layout of this schedule, `[stop - start]`.

        The bits of a step do not depend on which others are asked for with it.
        """
        pieces = [np.arange(start, min(stop, layout.warmup_steps)) + 1.0]
        pieces[0] /= layout.warmup_steps + 1
        for cycle in layout.cycles:
            if start < cycle.end and cycle.start < stop:
                first, last = max(start, cycle.start), min(stop, cycle.end)
                pieces.append(self._cycle_factors(cycle, first, last))
        return np.concatenate(pieces)

    def _cycle_factors(self, cycle: Cycle, start: int, stop: int) -> FloatArray:
        fall_start = cycle.start + cycle.hold_steps + 1
        factors = np.full(stop - start, cycle.peak)
        falling = np.arange(max(start, fall_start), stop)
        if falling.size:
            x = (falling - (fall_start - 1)) / cycle.fall_steps
            value = self.curve.values(x)
            factors[-falling.size :] = cycle.peak * (self.eta_min + (1.0 - self.eta_min) * value)
        return factors

    def peaks(self) -> tuple[float, ...]:
        """Each cycle's peak as a factor, `[len(restarts) + 1]`."""
        return peaks_of(step_scales(self.step_scale, len(self.restarts)))

    def replace(self, **changes: Any) -> "WarmbootSchedule":
        """A copy with some fields changed, checked again."""
        return dataclasses.replace(self, **changes)

    def describe(self) -> str:
        """The schedule in words, a short line.

        >>> WarmbootSchedule(warmup=0.05, restarts=[1 / 3, 2 / 3], step_scale=0.8).describe()
        'cosine to 0, 5% warm-up, restarts at 33.3% and 66.7% each at 0.8 x the peak before'
        """
        parts = [_curve_words(self), _lr_words(self), _warmup_words(self), _restart_words(self)]
        if self.hold and not isinstance(self.curve, Constant):
            whole = "each cycle" if self.restarts else "what follows warm-up"
            parts.append(f"holding the peak for {_percent(self.hold)} of {whole}")
        return ", ".join(part for part in parts if part)


def _normalised(given: dict[str, Any]) -> dict[str, Any]:
    """Checked arguments as the types that the fields promise."""
    lr, warmup_steps, step_scale = given["lr"], given["warmup_steps"], given["step_scale"]
    many = isinstance(step_scale, (list, tuple, np.ndarray))
    return {
        "lr": None if lr is None else as_float(lr),
        "warmup": as_float(given["warmup"]),
        "warmup_steps": None if warmup_steps is None else operator.index(warmup_steps),
        "restarts": tuple(as_float(restart) for restart in given["restarts"]),
        "step_scale": tuple(map(as_float, step_scale)) if many else as_float(step_scale),
        "hold": as_float(given["hold"]),
        "eta_min": as_float(given["eta_min"]),
        "curve": as_curve(given["curve"]),
        "allow_rising": given["allow_rising"],
    }


def _percent(fraction: float) -> str:
    """
    >>> _percent(1 / 3), _percent(0.05)
    ('33.3%', '5%')
    """
    return f"{100 * fraction:.3g}%"


def _curve_words(schedule: WarmbootSchedule) -> str:
    if isinstance(schedule.curve, Constant):
        return "constant"
    floor = f"{_percent(schedule.eta_min)} of the peak" if schedule.eta_min else "0"
    return f"{schedule.curve.describe()} to {floor}"


def _lr_words(schedule: WarmbootSchedule) -> str:
    return "" if schedule.lr is None else f"peak lr {schedule.lr:.4g}"


def _warmup_words(schedule: WarmbootSchedule) -> str:
    if schedule.warmup_steps is not None:
        return f"{schedule.warmup_steps} steps of warm-up" if schedule.warmup_steps else ""
    return f"{_percent(schedule.warmup)} warm-up" if schedule.warmup else ""


def _restart_words(schedule: WarmbootSchedule) -> str:
    if not schedule.restarts:
        return ""
    where = _listed([_percent(restart) for restart in schedule.restarts])
    text = f"{'restart' if len(schedule.restarts) == 1 else 'restarts'} at {where}"
    if isinstance(schedule.step_scale, tuple):
        scales = _listed([f"{scale:.3g}" for scale in schedule.step_scale])
        return f"{text} at {scales} x the peak before"
    if schedule.step_scale == 1.0:
        return text
    each = "" if len(schedule.restarts) == 1 else "each "
    return f"{text} {each}at {schedule.step_scale:.3g} x the peak before"


def _listed(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
