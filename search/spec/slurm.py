"""The `[slurm]` table of a study file: what its workers ask SLURM for. It changes nothing of the study."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from search.durations import parse_duration

TIME = "time"
DEFAULT_TIME = "4h"
OURS = ("array", "error", "export", "job-name", "open-mode", "output", "requeue", "signal", "wrap")
"""Options that the submission sets itself."""
_OPTION = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
SlurmOption = str | int | bool


def checked_options(table: Mapping[str, SlurmOption]) -> dict[str, SlurmOption]:
    """Options of sbatch by their long names, with `_` or `-`; `time` as a duration.

    Raises:
        ValueError: one that is no option, that the submission sets itself, or that has no value.

    >>> checked_options({"partition": "gpu", "gpus_per_node": 1, "time": "90m"})
    {'partition': 'gpu', 'gpus-per-node': 1, 'time': '90m'}
    """
    options = {name.replace("_", "-"): value for name, value in table.items()}
    problems = [text for name, value in options.items() if (text := _problem(name, value))]
    if problems:
        raise ValueError("; ".join(problems))
    return options


def minutes_of(options: Mapping[str, SlurmOption]) -> int:
    """How long a job may take, in whole minutes, one at least; what is left then is a new job's.

    >>> minutes_of({"time": "90m"}), minutes_of({})
    (90, 240)
    """
    return max(1, round(parse_duration(options.get(TIME, DEFAULT_TIME)) / 60))


def _problem(name: str, value: SlurmOption) -> str:
    if not _OPTION.fullmatch(name):
        return f"{name!r} is no option of sbatch; accepted is its long name, such as cpus_per_task"
    if name in OURS:
        return f"{name} is set by warmboot; leave it out"
    if name == TIME:
        try:
            parse_duration(value)
        except ValueError as error:
            return f"time: {error}"
    if value is False or (isinstance(value, str) and (not value.strip() or "\n" in value)):
        return f"{name}: got {value!r}; accepted is a value of one line, or true for an option without one"
    return ""


SlurmSpec = Annotated[dict[str, SlurmOption], AfterValidator(checked_options)]
