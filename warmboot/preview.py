"""A schedule drawn in the terminal, with the lr at the points that matter and what looks wrong.

A `View` is what there is to see of anything that gives an lr for each step: a schedule, or numbers
of any making. Text, JSON and picture (`preview_png`) are made of it. See also `drawing`, `lints`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from warmboot.curves import FloatArray
from warmboot.drawing import draw, sparkline
from warmboot.lints import Finding, Level, lint_factors, lint_schedule
from warmboot.schedule import WarmbootSchedule
from warmboot.segmentation import checked_values, segment

__all__ = [
    "Point",
    "View",
    "draw",
    "points_that_matter",
    "preview",
    "sparkline",
    "view_json",
    "view_of",
    "view_of_numbers",
    "view_text",
]

# With more restarts than this a list's points are too many to read.
_MOST_RESTARTS_NAMED = 20


class Point(NamedTuple):
    """A step that matters and the value there."""

    name: str
    step: int
    value: float


@dataclass(frozen=True, kw_only=True)
class View:
    """What there is to see of an lr over steps."""

    title: str
    unit: str
    """What the values are: `lr`, `factor` (of the peak lr), or `value`, where nobody said."""
    values: FloatArray
    """One for each step, `[total_steps]`."""
    points: Sequence[Point]
    findings: Sequence[Finding]


def preview(schedule: WarmbootSchedule, total_steps: int, *, width: int = 72, height: int = 12) -> str:
    """The schedule in words, its drawing, its lr (factor, if it has none) where it matters, findings.

    >>> print(preview(WarmbootSchedule(lr=0.1, curve="linear"), 100, width=20, height=3))
    linear to 0, peak lr 0.1, at 100 steps
     0.1 ┤█▇▆▄▃▂▁
         │████████▆▅▄▃▁
       0 ┤██████████████▇▆▅▃▂▁
         └ step 0 ... step 99
    first step and peak  step 0  lr 0.1
    last step            step 99 lr 0
    findings: none
    """
    return view_text(view_of(schedule, total_steps), width=width, height=height)


def view_of(schedule: WarmbootSchedule, total_steps: int) -> View:
    """A schedule on a horizon.

    Raises:
        ScheduleError: if the horizon has no room for it.
    """
    return View(
        title=f"{schedule.describe()}, at {total_steps} steps",
        unit="factor" if schedule.lr is None else "lr",
        values=schedule.factors(total_steps) * (1.0 if schedule.lr is None else schedule.lr),
        points=points_that_matter(schedule, total_steps),
        findings=lint_schedule(schedule, total_steps),
    )


def view_of_numbers(
    values: Sequence[float] | FloatArray,
    *,
    title: str,
    unit: str = "value",
    levels: Sequence[Level] = (),
    findings: Sequence[Finding] = (),
) -> View:
    """Numbers of any making, one a step; `levels` as in `lint_factors`, `findings` come first.

    Raises:
        ScheduleError: if they are no non-empty list of finite numbers, none below 0.
    """
    array = checked_values("preview", values)
    return View(
        title=f"{title}, {len(array)} step{'s' * (len(array) > 1)}",
        unit=unit,
        values=array,
        points=_points_of_numbers(array),
        findings=[*findings, *lint_factors(array, levels=levels)],
    )


def view_text(view: View, *, width: int = 72, height: int = 12) -> str:
    """Title, drawing, points and findings, for a terminal."""
    return "\n".join(
        [
            view.title,
            draw(view.values, width=width, height=height),
            *_point_lines(view.points, view.unit),
            "findings:" if view.findings else "findings: none",
            *(f"  - {finding.words}" for finding in view.findings),
        ]
    )


def view_json(view: View) -> str:
    """The same without the drawing, a JSON object for programs."""
    document = {
        "title": view.title,
        "unit": view.unit,
        "total_steps": len(view.values),
        "points": [point._asdict() for point in view.points],
        "findings": [finding._asdict() for finding in view.findings],
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)


def points_that_matter(schedule: WarmbootSchedule, total_steps: int) -> list[Point]:
    """The first step, the peak, each restart with the floor before it, and the last step."""
    layout = schedule.layout(total_steps)
    scale = 1.0 if schedule.lr is None else schedule.lr
    starts = [cycle.start for cycle in layout.cycles]
    named = _named_steps(layout.warmup_steps, starts[1:], total_steps)
    return [Point(name, step, scale * schedule.factor(step, total_steps)) for step, name in named]


def _points_of_numbers(values: FloatArray) -> list[Point]:
    """The same points of a list, as far as its rises and falls tell, and its peak."""
    parts = segment(values)
    restarts = [cycle.start for cycle in parts.cycles[1:]]
    if len(restarts) > _MOST_RESTARTS_NAMED:
        restarts = []
    named = _named_steps(int(values.argmax()), restarts, len(values))
    return [Point(name, step, float(values[step])) for step, name in sorted(named)]


def _named_steps(peak: int, restarts: Sequence[int], total_steps: int) -> list[tuple[int, str]]:
    """Steps that matter with their names, those of one step joined."""
    named = [(0, "first step"), (peak, "peak")]
    for i, start in enumerate(restarts, start=1):
        named += [(start - 1, f"before restart {i}"), (start, f"restart {i}")]
    named.append((total_steps - 1, "last step"))
    names: dict[int, list[str]] = {}
    for step, name in named:
        names.setdefault(step, []).append(name)
    return [(step, " and ".join(words)) for step, words in names.items()]


def _point_lines(points: Sequence[Point], unit: str) -> list[str]:
    name_width = max(len(point.name) for point in points)
    step_width = max(len(str(point.step)) for point in points)
    return [
        f"{point.name:<{name_width}}  step {point.step:<{step_width}} {unit} {point.value:.6g}"
        for point in points
    ]
