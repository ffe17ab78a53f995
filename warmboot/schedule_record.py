"""What a schedule file holds, as values: `ScheduleFile` and `Horizon`."""

import copy
from dataclasses import dataclass, field
from typing import Any

from warmboot.checks import integer_problem
from warmboot.errors import ScheduleError
from warmboot.json_objects import json_object_problems
from warmboot.schedule import WarmbootSchedule

FORMAT, VERSION = "warmboot-schedule", 1
LARGEST_ORIGIN_BYTES = 64 * 1024


@dataclass(frozen=True)
class Horizon:
    """How long a training is: `total_steps` optimizer steps, in epochs where that is known.

    All are integers of 1 or more; if both conversions are given, their product is `total_steps`.
    """

    total_steps: int
    epochs: int | None = None
    steps_per_epoch: int | None = None

    def __post_init__(self) -> None:
        given = vars(self)
        checks = (
            integer_problem(name, value, at_least=1)
            for name, value in given.items()
            if value is not None or name == "total_steps"
        )
        problems = [problem for problem in checks if problem is not None]
        if not problems and self.epochs is not None and self.steps_per_epoch is not None:
            product = self.epochs * self.steps_per_epoch
            if product != self.total_steps:
                problems.append(
                    f"total_steps must be epochs x steps_per_epoch = {self.epochs} x "
                    f"{self.steps_per_epoch} = {product} but got {self.total_steps}"
                )
        if problems:
            raise ScheduleError("horizon", problems)

    def as_document(self) -> dict[str, int]:
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class ScheduleFile:
    """What a schedule file holds.

    Args:
        schedule: the schedule.
        horizon: the training it was made for; the schedule has to fit it.
        origin: any JSON object under 64 KB, kept as it is (study, trial, proxy, seeds, ...).

    Raises:
        ScheduleError: if the schedule has no room on the horizon, or the origin is not JSON.
    """

    schedule: WarmbootSchedule
    horizon: Horizon | None = None
    origin: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = json_object_problems("origin", self.origin, largest_bytes=LARGEST_ORIGIN_BYTES)
        if self.horizon is not None:
            problems += fit_problems(self.schedule, self.horizon)
        if problems:
            raise ScheduleError("schedule file", problems)
        object.__setattr__(self, "origin", copy.deepcopy(self.origin))  # the caller's stays theirs


def fit_problems(schedule: WarmbootSchedule, horizon: Horizon) -> list[str]:
    """Why the schedule has no room on the horizon; nothing if it has."""
    try:
        schedule.layout(horizon.total_steps)
    except ScheduleError as error:
        return [f"{error.subject}: {problem}" for problem in error.problems]
    return []
