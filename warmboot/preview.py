"""A schedule drawn in the terminal, with the lr at the points that matter. Text in, text out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from warmboot.checks import integer_problem
from warmboot.curves import FloatArray
from warmboot.errors import ScheduleError
from warmboot.schedule import WarmbootSchedule

_EIGHTHS = " ▁▂▃▄▅▆▇█"


class Point(NamedTuple):
    """A step that matters and the value there."""

    name: str
    step: int
    value: float


def preview(schedule: WarmbootSchedule, total_steps: int, *, width: int = 72, height: int = 12) -> str:
    """The schedule in words, its drawing, and its lr (factor, if it has none) where it matters.

    >>> print(preview(WarmbootSchedule(lr=0.1, curve="linear"), 100, width=20, height=3))
    linear to 0, peak lr 0.1, at 100 steps
     0.1 ┤█▇▆▄▃▂▁
         │████████▆▅▄▃▁
       0 ┤██████████████▇▆▅▃▂▁
         └ step 0 ... step 99
    first step and peak  step 0  lr 0.1
    last step            step 99 lr 0
    """
    values = schedule.factors(total_steps) * (1.0 if schedule.lr is None else schedule.lr)
    unit = "factor" if schedule.lr is None else "lr"
    return "\n".join(
        [
            f"{schedule.describe()}, at {total_steps} steps",
            draw(values, width=width, height=height),
            *_point_lines(points_that_matter(schedule, total_steps), unit),
        ]
    )


def draw(values: Sequence[float] | FloatArray, *, width: int = 72, height: int = 12) -> str:
    """A drawing of numbers over steps with block characters; `width x height` without its axes."""
    _check_size(width=width, height=height)
    columns = _columns(values, width)
    top = float(columns.max()) or 1.0
    labels = [f"{top:.4g}", *[""] * (height - 2), *(["0"] if height > 1 else [])]
    margin = max(map(len, labels)) + 1
    lines = [
        f"{label:>{margin}} {'┤' if label else '│'}{_row(columns / top, row, height)}".rstrip()
        for row, label in zip(range(height - 1, -1, -1), labels, strict=True)
    ]
    lines.append(f"{'':>{margin}} └ step 0 ... step {len(values) - 1}")
    return "\n".join(lines)


def sparkline(values: Sequence[float] | FloatArray, width: int = 16) -> str:
    """A drawing one character high, for tables and progress lines.

    >>> sparkline([0.0, 0.25, 0.5, 1.0], 4)
    ' ▂▄█'
    """
    _check_size(width=width)
    columns = _columns(values, width)
    return _row(columns / (float(columns.max()) or 1.0), 0, 1)


def points_that_matter(schedule: WarmbootSchedule, total_steps: int) -> list[Point]:
    """The first step, the peak, each restart with the floor before it, and the last step."""
    layout = schedule.layout(total_steps)
    scale = 1.0 if schedule.lr is None else schedule.lr
    named = [(0, "first step"), (layout.warmup_steps, "peak")]
    for i, cycle in enumerate(layout.cycles[1:], start=1):
        named += [(cycle.start - 1, f"before restart {i}"), (cycle.start, f"restart {i}")]
    named.append((total_steps - 1, "last step"))
    names: dict[int, list[str]] = {}
    for step, name in named:
        names.setdefault(step, []).append(name)
    return [
        Point(" and ".join(words), step, scale * schedule.factor(step, total_steps))
        for step, words in names.items()
    ]


def _point_lines(points: list[Point], unit: str) -> list[str]:
    name_width = max(len(point.name) for point in points)
    step_width = max(len(str(point.step)) for point in points)
    return [
        f"{point.name:<{name_width}}  step {point.step:<{step_width}} {unit} {point.value:.6g}"
        for point in points
    ]


def _columns(values: Sequence[float] | FloatArray, width: int) -> FloatArray:
    """The highest value in each of `width` equal parts, so that no peak is lost, `[width]`."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)) or np.any(array < 0):
        rule = "values must be a non-empty list of finite numbers, none below 0"
        raise ScheduleError("preview", [rule])
    edges = np.linspace(0, array.size, width + 1)
    starts = np.minimum(np.floor(edges[:-1]).astype(int), array.size - 1)
    stops = np.maximum(np.ceil(edges[1:]).astype(int), starts + 1)
    return np.array([array[a:b].max() for a, b in zip(starts, stops, strict=True)])


def _row(heights: FloatArray, row: int, rows: int) -> str:
    """Row `row` from below of columns whose heights are in [0, 1]."""
    eighths = np.rint(heights * rows * 8).astype(int) - 8 * row
    return "".join(_EIGHTHS[min(max(eighth, 0), 8)] for eighth in eighths)


def _check_size(**sizes: int) -> None:
    problems = [integer_problem(name, size, at_least=1) for name, size in sizes.items()]
    wrong = [problem for problem in problems if problem is not None]
    if wrong:
        raise ScheduleError("preview", wrong)
