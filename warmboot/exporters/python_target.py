"""`PythonTarget`: one kind of exported Python file as a value, and the one way in which all are written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from warmboot.curves import RegisteredCurve
from warmboot.exporters.python_parts import (
    PEAK_LR_LINE,
    formula,
    header,
    needed_horizon,
    table,
    unknown_curve,
)
from warmboot.schedule import WarmbootSchedule

Origin: TypeAlias = Mapping[str, object]
"""Where a schedule comes from: what the header says of it, as JSON."""


@dataclass(frozen=True, kw_only=True)
class PythonTarget:
    """A library for which a Python file is written."""

    exporter: str
    """The exporter's name, for errors."""
    body: str
    """The target's own part, with `{factor}` where the function `factor` belongs, after the imports,
    `{parts}` after it, and `{default}` in the signatures that take `total_steps`."""
    parts: str
    """What the target takes of `host_parts`."""
    use: str
    """How the file is used, for the header."""
    peak_lr_line: str = PEAK_LR_LINE
    """How the target is given the schedule's lr, `{lr}`, if it has one; `python_export` reads it."""
    with_lr: Mapping[str, str] = field(default_factory=dict)
    """More places in the body, and what stands there if the schedule has an lr, `{lr}`; else nothing does."""

    def render(
        self, schedule: WarmbootSchedule, *, total_steps: int | None = None, origin: Origin | None = None
    ) -> str:
        """The file's text: header, imports and adapter from the body, `factor` between them.

        Args:
            schedule: the schedule; its lr, if it has one, is named in the header.
            total_steps: the default horizon in the file, or, where the target counts for itself, one to check
                for room. A registered curve needs it, and its table holds for this horizon only.
            origin: where the schedule comes from, for the header.

        Raises:
            ScheduleError: if the horizon is none, or has no room for the schedule, or a table has none.
        """
        if total_steps is not None:
            schedule.layout(total_steps)
        default, use = "" if total_steps is None else f"={total_steps}", self.use
        if total_steps is not None and "{default}" not in self.body:  # the target counts for itself
            use = f"Exported for {total_steps} steps.\n{use}"
        text = self._body(schedule).replace("{factor}", self._factor(schedule, total_steps).rstrip())
        text = text.replace("{parts}", self.parts).replace("{default}", default)
        return f"{header(schedule, origin or {}, use, self.peak_lr_line)}\n{text}"

    def _factor(self, schedule: WarmbootSchedule, total_steps: int | None) -> str:
        if not isinstance(schedule.curve, RegisteredCurve):
            return formula(schedule)
        horizon = needed_horizon(total_steps, schedule, self.exporter)
        return table(schedule, horizon, unknown_curve(schedule))

    def _body(self, schedule: WarmbootSchedule) -> str:
        body = self.body
        for place, text in self.with_lr.items():
            known = "" if schedule.lr is None else text.replace("{lr}", repr(schedule.lr))
            body = body.replace(f"{{{place}}}", known)
        return body
