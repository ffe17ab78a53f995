"""Reading the `[params]` table of a study file strictly: every problem at once, nothing repaired."""

from __future__ import annotations

import decimal
import keyword
import re
from collections.abc import Callable, Mapping
from typing import Any

from warmboot.checks import show
from warmboot.errors import ScheduleError
from warmboot.space_checks import is_number

_SCHEDULE_NAME = re.compile(
    r"lr|warmup|n_restarts|restarts|u\d+|step_scale|hold|eta_min|curve|power|min_cycle"
)
# What a training is told besides its parameters; one name, one meaning.
_TOLD_NAMES = ("total_steps", "seed", "trial", "study", "schedule")
_RANGE_KEYS = ("low", "high", "log", "step")
_LONGEST_NAME, _MOST_PARAMS, _MOST_CHOICES = 100, 50, 1000


class ParamsError(ScheduleError):
    """What is wrong with a table of parameters, all of it; see `ScheduleError`."""


def is_schedule_name(name: str) -> bool:
    """Whether a parameter of a trial belongs to its schedule.

    >>> is_schedule_name("u12"), is_schedule_name("units")
    (True, False)
    """
    return _SCHEDULE_NAME.fullmatch(name) is not None


def read_params(
    table: Mapping[str, Any],
    float_param: Callable[..., Any],
    int_param: Callable[..., Any],
    choice_param: Callable[..., Any],
) -> dict[str, Any]:
    """The checked parameters by name, built with the three constructors.

    Raises:
        ParamsError: one line a problem, each naming the parameter, what it got and what it accepts.
    """
    problems: list[str] = []
    if len(table) > _MOST_PARAMS:
        problems.append(f"[params]: {len(table)} parameters; accepted are up to {_MOST_PARAMS}.")
    params: dict[str, Any] = {}
    for name, value in table.items():
        _check_name(name, problems)
        if isinstance(value, Mapping):
            params[name] = _read_range(name, value, float_param, int_param, problems)
        elif isinstance(value, list | tuple):
            params[name] = _read_choices(name, value, choice_param, problems)
        else:
            problems.append(
                f"{name}: got {show(value)}; accepted are a range such as {{ low = ..., high = ... }}, or a "
                "list to choose from (of one value, to fix it)."
            )
    if problems:
        raise ParamsError("params", problems)
    return params


def _check_name(name: str, problems: list[str]) -> None:
    if not (name.isascii() and name.isidentifier()) or keyword.iskeyword(name) or len(name) > _LONGEST_NAME:
        problems.append(
            f"{show(name)}: not a name for a parameter; accepted are letters, digits and _, not beginning "
            f"with a digit, up to {_LONGEST_NAME} of them."
        )
    elif is_schedule_name(name):
        problems.append(f"{name}: belongs to the schedule; search it in [space], or give this another name.")
    elif name in _TOLD_NAMES:
        problems.append(f"{name}: every training is told its {name} anyway; give this another name.")


def _read_choices(name: str, values: Any, choice_param: Callable[..., Any], problems: list[str]) -> Any:
    if not values or len(values) > _MOST_CHOICES:
        problems.append(f"{name}: got {len(values)} choices; accepted are 1 to {_MOST_CHOICES}.")
    wrong = [value for value in values if not (isinstance(value, str | bool) or is_number(value))]
    problems += [
        f"{name}: got the choice {show(value)}; accepted are text, finite numbers, true and false."
        for value in wrong
    ]
    # In Python 1 == 1.0 == True, and Optuna finds a choice again by `==`.
    if not wrong and len(set(values)) < len(values):
        problems.append(f"{name}: got {show(list(values))}; name each choice once (1, 1.0 and true are one).")
    return choice_param(tuple(values))


def _read_range(
    name: str,
    table: Mapping[str, Any],
    float_param: Callable[..., Any],
    int_param: Callable[..., Any],
    problems: list[str],
) -> Any:
    before = len(problems)
    _check_entries(name, table, problems)
    if len(problems) > before:
        return None
    _check_rules(name, table, problems)
    numbers = [table[key] for key in ("low", "high", "step") if key in table]
    make = int_param if all(isinstance(n, int) for n in numbers) else float_param
    if make is float_param:
        table = {key: value if key == "log" else float(value) for key, value in table.items()}
    return make(**table)


def _check_entries(name: str, table: Mapping[str, Any], problems: list[str]) -> None:
    """Each entry by itself: known, there, of its type."""
    problems += [
        f"{name}.{key}: unknown key; known in a range: {', '.join(_RANGE_KEYS)}."
        for key in table
        if key not in _RANGE_KEYS
    ]
    problems += [
        f"{name}.{key}: missing; a range needs low and high." for key in ("low", "high") if key not in table
    ]
    problems += [
        f"{name}.{key}: got {show(table[key])}; accepted is a finite number."
        for key in ("low", "high", "step")
        if key in table and not is_number(table[key])
    ]
    if not isinstance(table.get("log", False), bool):
        problems.append(f"{name}.log: got {show(table['log'])}; accepted are true and false.")


def _check_rules(name: str, table: Mapping[str, Any], problems: list[str]) -> None:
    """What joins the entries of a range whose entries are right by themselves."""
    low, high, step = table["low"], table["high"], table.get("step")
    if low > high:
        problems.append(f"{name}: got low = {low!r} above high = {high!r}; swap them.")
    if table.get("log", False):
        if low <= 0:
            problems.append(f"{name}: got low = {low!r} with log = true; accepted is low above 0.")
        if step is not None:
            problems.append(f"{name}: got step with log = true; accepted is one of them.")
    elif step is not None and low <= high:
        _check_step(name, low, high, step, problems)


def _check_step(name: str, low: float, high: float, step: float, problems: list[str]) -> None:
    if step <= 0:
        problems.append(f"{name}.step: got {step!r}; accepted is a number above 0.")
        return
    # In decimals, as they stand in the file: 0.3 is three times 0.1 there, but not in binary.
    width = decimal.Decimal(str(high)) - decimal.Decimal(str(low))
    if width % decimal.Decimal(str(step)) != 0:
        problems.append(f"{name}.step: steps of {step!r} from {low!r} do not meet high = {high!r}.")
