"""The schedule file on disk and as text, for those who read or write one.

`read` and `write` are the pair that most people need; `reads` and `writes` do the same on strings.
The format is fixed and versioned. Its reader (`schedule_document`) is strict, reports all problems
at once, and takes JSON and TOML; what is written is JSON, whole or not at all.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, Literal

from warmboot.checks import show
from warmboot.errors import ScheduleError, ScheduleFileError
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_document import parse
from warmboot.schedule_record import FORMAT, VERSION, Horizon, ScheduleFile
from warmboot.text_file import read_text
from warmboot.whole_file import write_whole

__all__ = ["Horizon", "ScheduleFile", "read", "reads", "write", "writes"]

LARGEST_FILE_BYTES = 1_000_000


def read(path: str | os.PathLike[str]) -> ScheduleFile:
    """The schedule file at `path`; TOML if it ends in `.toml`, JSON otherwise.

    Raises:
        ScheduleFileError: a `ValueError` with everything that is wrong with the content.
        OSError: if the file cannot be opened.
    """
    path = Path(path)
    format_: Literal["json", "toml"] = "toml" if path.suffix.lower() == ".toml" else "json"
    text = read_text(
        path,
        largest_bytes=LARGEST_FILE_BYTES,
        wanted="schedule file",
        too_large=", which no schedule file is",
    )
    return parse(text, str(path), format_)


def reads(text: str, *, format: Literal["json", "toml"] = "json") -> ScheduleFile:
    """The schedule file in a string; raises as `read` does.

    >>> reads('''{"format": "warmboot-schedule", "version": 1,
    ...           "schedule": {"curve": {"name": "linear"}}}''').schedule.describe()
    'linear to 0'
    """
    return parse(text, "schedule file", format)


def writes(file: ScheduleFile | WarmbootSchedule) -> str:
    """The file, or one with that schedule alone, as JSON text, which `reads` turns into an equal one.

    Raises:
        ScheduleError: if it is neither.

    >>> reads(writes(WarmbootSchedule(curve="linear"))) == ScheduleFile(WarmbootSchedule(curve="linear"))
    True
    """
    if isinstance(file, WarmbootSchedule):
        file = ScheduleFile(file)
    if not isinstance(file, ScheduleFile):
        rule = f"needs a ScheduleFile or a WarmbootSchedule but got {show(file)}"
        raise ScheduleError("warmboot.write", [rule])
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    document["schedule"] = _schedule_document(file.schedule)
    if file.horizon is not None:
        document["horizon"] = file.horizon.as_document()
    document["origin"] = file.origin
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write(file: ScheduleFile | WarmbootSchedule, path: str | os.PathLike[str]) -> None:
    """Write the file to `path` as JSON, whole or not at all: on failure what was there stays.

    A bare schedule becomes a file without a horizon and with an empty origin.

    Raises:
        ScheduleError: if it is neither a `ScheduleFile` nor a schedule.
        ScheduleFileError: if `path` ends in `.toml`.
        OSError: if it cannot be written; see `write_whole`.
    """
    if Path(path).suffix.lower() == ".toml":
        raise ScheduleFileError(str(path), ["schedules are written as JSON; name it .json"])
    write_whole(path, writes(file))


def _schedule_document(schedule: WarmbootSchedule) -> dict[str, Any]:
    # not its vars, for what a trial's function is given notes there whether it was looked at
    document = {field.name: getattr(schedule, field.name) for field in dataclasses.fields(WarmbootSchedule)}
    document["restarts"] = list(schedule.restarts)
    if isinstance(schedule.step_scale, tuple):
        document["step_scale"] = list(schedule.step_scale)
    document["curve"] = {"name": schedule.curve.name, **schedule.curve.parameters()}
    if schedule.warmup_steps is not None:
        del document["warmup"]
    if not schedule.allow_rising:
        del document["allow_rising"]
    return {name: value for name, value in document.items() if value is not None}
