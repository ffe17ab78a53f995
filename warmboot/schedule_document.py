"""The strict reader behind `read`: from text to a `ScheduleFile`, or all that is wrong with it.

Strict everywhere but inside `origin`: unknown keys (with the nearest known one), types, ranges,
repeated keys, numbers that are not finite, newer versions.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Literal

from warmboot.checks import is_integer, nearest, show
from warmboot.curves import Curve, curve_from_name
from warmboot.errors import ScheduleError, ScheduleFileError
from warmboot.json_objects import json_object_problems, load_json
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_record import (
    FORMAT,
    LARGEST_ORIGIN_BYTES,
    VERSION,
    Horizon,
    ScheduleFile,
    fit_problems,
)

_TOP_KEYS = ("format", "version", "schedule", "horizon", "origin")
_SCHEDULE_KEYS = tuple(field.name for field in fields(WarmbootSchedule))
_HORIZON_KEYS = tuple(field.name for field in fields(Horizon))


def parse(text: str, subject: str, format_: Literal["json", "toml"]) -> ScheduleFile:
    """The file that `text` holds; `subject` names it in errors.

    Raises:
        ScheduleFileError: with all problems.
    """
    document, problems = _load(text, subject, format_)
    if not isinstance(document, dict):
        rule = f"must be an object (a table) but is {show(document)}"
        raise ScheduleFileError(subject, [*problems, rule])
    problems += _envelope_problems(document)
    if _is_foreign(document):  # its keys would mean nothing here
        raise ScheduleFileError(subject, problems)
    problems += _unknown_keys("", document, _TOP_KEYS)
    schedule = _schedule(document, problems)
    horizon = _horizon(document, problems)
    origin = document.get("origin", {})
    problems += json_object_problems("origin", origin, largest_bytes=LARGEST_ORIGIN_BYTES)
    if schedule is not None and horizon is not None:
        problems += fit_problems(schedule, horizon)
    if problems or schedule is None:
        raise ScheduleFileError(subject, problems)
    return ScheduleFile(schedule, horizon, origin)


def _load(text: str, subject: str, format_: Literal["json", "toml"]) -> tuple[Any, list[str]]:
    try:
        return load_json(text) if format_ == "json" else (tomllib.loads(text), [])
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError as error:  # what both parsers raise
        what = "is empty" if not text.strip() else f"is not {format_.upper()}: {error}"
        problem = f"{what}; a schedule file is made with warmboot.write or warmboot export"
    raise ScheduleFileError(subject, [problem])


def _envelope_problems(document: dict[str, Any]) -> list[str]:
    problems = []
    if document.get("format") != FORMAT:
        problems.append(f'format must be "{FORMAT}" but {_got(document, "format")}')
    version = document.get("version")
    if not is_integer(version) or version < 1:
        problems.append(f"version must be {VERSION} but {_got(document, 'version')}")
    elif version > VERSION:
        problems.append(
            f"version {show(version)} is newer than this warmboot reads ({VERSION}); "
            "update it: pip install --upgrade warmboot"
        )
    return problems


def _is_foreign(document: dict[str, Any]) -> bool:
    version = document.get("version")
    newer = is_integer(version) and version > VERSION
    return newer or (document.get("format") != FORMAT and "schedule" not in document)


def _got(document: dict[str, Any], key: str) -> str:
    return f"got {show(document[key])}" if key in document else "it is missing"


def _unknown_keys(place: str, table: dict[str, Any], known: Iterable[str]) -> list[str]:
    known = tuple(known)
    problems = []
    for key in table:
        if key not in known:
            problems.append(f"unknown key {show(place + key)}; {nearest(key, known)}")
    return problems


def _schedule(document: dict[str, Any], problems: list[str]) -> WarmbootSchedule | None:
    table = _table(document, "schedule", problems)
    if table is None:
        if "schedule" not in document:
            problems.append("schedule is missing")
        return None
    problems += _unknown_keys("schedule.", table, _SCHEDULE_KEYS)
    given = {key: value for key, value in table.items() if key in _SCHEDULE_KEYS}
    # the constructor takes None for "not given", but a file says so by leaving the key out
    problems += [f"schedule.{key} must be left out or given, not null" for key in _nulls(given)]
    given = {key: value for key, value in given.items() if value is not None}
    if "curve" in given:
        # a curve with problems of its own, now known, makes way for one that has none
        given["curve"] = _curve(given["curve"], problems) or "cosine"
    try:
        return WarmbootSchedule(**given)
    except ScheduleError as error:
        problems += [f"schedule.{problem}" for problem in error.problems]
        return None


def _nulls(table: dict[str, Any]) -> list[str]:
    return [key for key, value in table.items() if value is None]


def _curve(table: object, problems: list[str]) -> Curve | None:
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        hint = f'; write {{"name": "{table}"}}' if isinstance(table, str) else ""
        problems.append(f"schedule.curve must be an object with a name but got {show(table)}{hint}")
        return None
    parameters = {key: value for key, value in table.items() if key != "name"}
    try:
        return curve_from_name(table["name"], parameters)
    except ScheduleError as error:
        problems += [f"schedule.curve: {problem}" for problem in error.problems]
        return None


def _horizon(document: dict[str, Any], problems: list[str]) -> Horizon | None:
    table = _table(document, "horizon", problems)
    if table is None:
        return None
    problems += _unknown_keys("horizon.", table, _HORIZON_KEYS)
    given = {key: value for key, value in table.items() if key in _HORIZON_KEYS}
    problems += [f"horizon.{key} must be left out or given, not null" for key in _nulls(given)]
    try:
        return Horizon(**{"total_steps": None, **given})
    except ScheduleError as error:
        missing = "total_steps" not in given
        problems += [
            "horizon.total_steps is missing" if missing and "total_steps" in one else f"horizon.{one}"
            for one in error.problems
        ]
        return None


def _table(document: dict[str, Any], key: str, problems: list[str]) -> dict[str, Any] | None:
    table = document.get(key)
    if isinstance(table, dict):
        return table
    if key in document:
        problems.append(f"{key} must be an object (a table) but got {show(table)}")
    return None
