"""The rules of a schedule's fields, each broken one a sentence.

Everything here takes what a caller or a file gave, of whatever type, and repairs nothing.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from warmboot.built_in_curves import BUILT_IN
from warmboot.checks import as_float, integer_problem, is_integer, number_problem, show
from warmboot.curves import Curve, RegisteredCurve, curve_from_name
from warmboot.errors import ScheduleError

RISING_HINT = "; allow_rising=True permits peaks that rise"


def schedule_problems(given: Mapping[str, object]) -> list[str]:
    """All problems of a schedule's arguments, in the order of its fields."""
    problems = [
        *_lr_problems(given["lr"]),
        *_warmup_problems(given["warmup"], given["warmup_steps"]),
        *_restart_problems(given["restarts"], given["warmup"]),
        *_step_scale_problems(given["step_scale"], given["restarts"], given["allow_rising"]),
        *_range_problems("hold", given["hold"], closed_above=False),
        *_range_problems("eta_min", given["eta_min"], closed_above=True),
        *_curve_problems(given["curve"]),
    ]
    if not isinstance(given["allow_rising"], bool):
        problems.append(f"allow_rising must be True or False but got {show(given['allow_rising'])}")
    return problems


def as_curve(curve: object) -> Curve:
    """A curve object for a name or a curve object."""
    return curve if isinstance(curve, Curve) else curve_from_name(str(curve))


def step_scales(step_scale: float | Sequence[float], restart_count: int) -> tuple[float, ...]:
    """One scale for each restart."""
    if isinstance(step_scale, (list, tuple, np.ndarray)):
        return tuple(step_scale)
    return (float(step_scale),) * restart_count  # type: ignore[arg-type]


def peaks_of(scales: Sequence[float]) -> tuple[float, ...]:
    """Each cycle's peak: the left-to-right product of the step scales so far.

    >>> peaks_of([0.5, 0.5])
    (1.0, 0.5, 0.25)
    """
    peaks = [1.0]
    for scale in scales:
        peaks.append(peaks[-1] * scale)
    return tuple(peaks)


def _lr_problems(lr: object) -> list[str]:
    if lr is None:
        return []
    problem = number_problem("lr", lr)
    if problem is None and as_float(lr) <= 0.0:
        problem = f"lr must be greater than 0 but got {show(lr)}"
    return [problem] if problem else []


def _warmup_problems(warmup: object, warmup_steps: object) -> list[str]:
    problems = _range_problems("warmup", warmup, closed_above=False)
    if warmup_steps is None:
        return problems
    problem = integer_problem("warmup_steps", warmup_steps, at_least=0)
    if problem is not None:
        problems.append(problem)
    if number_problem("warmup", warmup) is None and as_float(warmup) != 0.0:
        problems.append(
            "warmup is a fraction of the horizon and warmup_steps is absolute: give one of them, "
            f"but got warmup {show(warmup)} and warmup_steps {show(warmup_steps)}"
        )
    return problems


def _range_problems(name: str, value: object, *, closed_above: bool) -> list[str]:
    problem = number_problem(name, value)
    if problem is not None:
        return [problem]
    number = as_float(value)
    if 0.0 <= number < 1.0 or (closed_above and number == 1.0):
        return []
    return [f"{name} must be in [0, 1{']' if closed_above else ')'} but got {show(value)}"]


def _restart_problems(restarts: object, warmup: object) -> list[str]:
    if not isinstance(restarts, (list, tuple, np.ndarray)):
        return [f"restarts must be a list of fractions but got {show(restarts)}"]
    problems = _all_numbers("restarts", restarts)
    if problems:
        return problems
    values = [as_float(restart) for restart in restarts]
    low = as_float(warmup) if not _range_problems("warmup", warmup, closed_above=False) else 0.0
    problems += [
        f"restarts[{i}] must be in (warmup, 1) = ({low:g}, 1) but got {value!r}"
        for i, value in enumerate(values)
        if not low < value < 1.0
    ]
    problems += [
        f"restarts must be strictly rising but restarts[{i}] is {values[i]!r} "
        f"and restarts[{i + 1}] is {values[i + 1]!r}"
        for i in range(len(values) - 1)
        if not values[i] < values[i + 1]
    ]
    return problems


def _all_numbers(name: str, values: Sequence[object] | np.ndarray) -> list[str]:
    found = (number_problem(f"{name}[{i}]", value) for i, value in enumerate(values))
    return [problem for problem in found if problem is not None]


def _step_scale_problems(step_scale: object, restarts: object, allow_rising: object) -> list[str]:
    if not isinstance(step_scale, (list, tuple, np.ndarray)):
        problem = number_problem("step_scale", step_scale)
        problems = [problem] if problem else []
        named = {"step_scale": step_scale}
    else:
        problems = _all_numbers("step_scale", step_scale)
        named = {f"step_scale[{i}]": scale for i, scale in enumerate(step_scale)}
        if isinstance(restarts, (list, tuple, np.ndarray)) and len(restarts) != len(step_scale):
            problems.append(
                f"step_scale must be a number or one for each restart: got {len(step_scale)} "
                f"for {len(restarts)} restart{'s' * (len(restarts) != 1)}"
            )
    if problems:
        return problems
    highest, rule, hint = (
        (math.inf, "greater than 0", "") if allow_rising is True else (1.0, "in (0, 1]", RISING_HINT)
    )
    problems = [
        f"{name} must be {rule} but got {show(scale)}{hint if as_float(scale) > 1.0 else ''}"
        for name, scale in named.items()
        if not 0.0 < as_float(scale) <= highest
    ]
    return problems or _peak_problems(step_scale, restarts)


def _peak_problems(step_scale: object, restarts: object) -> list[str]:
    if not isinstance(restarts, (list, tuple, np.ndarray)):
        return []
    peaks = peaks_of(step_scales(step_scale, len(restarts)))  # type: ignore[arg-type]
    return [
        f"step_scale makes the peak of cycle {i} {peak:g}, which no float can tell from "
        f"{'infinity' if peak else 'zero'}: use fewer restarts or scales nearer to 1"
        for i, peak in enumerate(peaks)
        if not 0.0 < peak < math.inf
    ][:1]


def _curve_problems(curve: object) -> list[str]:
    if type(curve) in BUILT_IN.values():
        return []
    name = curve.name if isinstance(curve, RegisteredCurve) else curve
    if not isinstance(name, str):
        return [
            f"curve must be a name or one of warmboot's curve objects but got {show(curve)}; "
            "a function of your own joins them with warmboot.register_curve"
        ]
    try:
        curve_from_name(name)
    except ScheduleError as error:
        return list(error.problems)
    return []


def total_steps_problem(total_steps: object) -> str | None:
    """Why a horizon is no number of steps, or None; above 2^53 floats cannot count."""
    problem = integer_problem("total_steps", total_steps, at_least=1)
    if problem is None and is_integer(total_steps) and total_steps > 2**53:
        problem = f"total_steps must be at most 2**53 but got {show(total_steps)}"
    return problem
