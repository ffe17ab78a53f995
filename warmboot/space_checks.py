"""Reading the `[space]` table of a study file strictly: every problem at once, nothing repaired."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

from warmboot.checks import nearest, show
from warmboot.curves import curve_names
from warmboot.errors import ScheduleError


class SpaceError(ScheduleError):
    """What is wrong with a space, all of it; see `ScheduleError`."""


# name -> (text of the rule, the rule). Bounds of a range are held to it as a fixed value is.
_FLOAT_RULES: dict[str, tuple[str, Callable[[float], bool]]] = {
    "lr": ("above 0", lambda x: x > 0),
    "warmup": ("in [0, 1)", lambda x: 0 <= x < 1),
    "step_scale": ("in (0, 1]", lambda x: 0 < x <= 1),
    "hold": ("in [0, 1)", lambda x: 0 <= x < 1),
    "eta_min": ("in [0, 1]", lambda x: 0 <= x <= 1),
    "power": ("above 0", lambda x: x > 0),
}
LEAST_MIN_CYCLE = 1e-6  # a shorter cycle would need a horizon of millions of steps
_FIELDS = (*_FLOAT_RULES, "n_restarts", "restarts", "curve", "min_cycle")


def read_space_fields(
    table: Mapping[str, Any], float_range: Callable[..., Any], int_range: Callable[..., Any]
) -> dict[str, Any]:
    """The checked fields of a `Space`, ranges built with `float_range` and `int_range`.

    Raises:
        SpaceError: one line a problem, each naming the field, what it got and what it accepts.
    """
    problems = [_unknown(key) for key in table if key not in _FIELDS]
    fields: dict[str, Any] = {}
    for name, (rule, holds) in _FLOAT_RULES.items():
        if name in table:
            fields[name] = _read_float(name, table[name], rule, holds, float_range, problems)
    if "n_restarts" in table:
        fields["n_restarts"] = _read_count(table["n_restarts"], int_range, problems)
    if "restarts" in table:
        fields["restarts"] = _read_restarts(table["restarts"], problems)
    if "curve" in table:
        fields["curve"] = _read_curve(table["curve"], problems)
    if "min_cycle" in table:
        fields["min_cycle"] = _read_min_cycle(table["min_cycle"], problems)
    if not problems:
        _check_together(table, fields, problems)
    if problems:
        raise SpaceError("space", problems)
    return fields


def is_number(value: object) -> bool:
    """A finite int or float; bool is not a number here."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an int that no float can hold
        return False


def _unknown(key: str) -> str:
    return f"{key}: unknown key; {nearest(str(key), _FIELDS)}"


def _read_float(
    name: str,
    value: object,
    rule: str,
    holds: Callable[[float], bool],
    float_range: Callable[..., Any],
    problems: list[str],
) -> Any:
    if isinstance(value, Mapping):
        return _read_range(name, value, rule, holds, float_range, problems)
    if not is_number(value) or not holds(value):  # type: ignore[arg-type]
        problems.append(
            f"{name}: got {show(value)}; accepted are a number {rule}, or a range such as "
            "{ low = ..., high = ... }."
        )
        return None
    return float(value)  # type: ignore[arg-type]


def _read_range(
    name: str,
    table: Mapping[str, Any],
    rule: str,
    holds: Callable[[float], bool],
    float_range: Callable[..., Any],
    problems: list[str],
) -> Any:
    known = ("low", "high", "log", "start") if name == "lr" else ("low", "high", "log")
    bounds = _read_bounds(name, table, known, problems)
    if bounds is None:
        return None
    low, high = bounds
    outside = [x for x in (low, high) if not holds(x)]
    problems += [f"{name}: got the bound {show(x)}; accepted are numbers {rule}." for x in outside]
    log = table.get("log", False)
    if not isinstance(log, bool):
        problems.append(f"{name}.log: got {show(log)}; accepted are true and false.")
    elif log and low <= 0:
        problems.append(f"{name}: got low = {low!r} with log = true; accepted is low above 0.")
    fields: dict[str, Any] = {"low": float(low), "high": float(high), "log": bool(log)}
    if "start" in table and "start" in known:
        fields["start"] = _read_start(name, table["start"], fields, problems)
    return float_range(**fields)


def _read_start(name: str, value: object, fields: Mapping[str, Any], problems: list[str]) -> float | None:
    """Where the search of a range begins; it is widened by factors, so the range is a logarithmic one."""
    if not fields["log"]:
        problems.append(f"{name}.start: got a start without log = true; add log = true or drop start.")
    low, high = fields["low"], fields["high"]
    if not is_number(value) or not low <= value <= high:
        problems.append(f"{name}.start: got {show(value)}; accepted is a number in [{low:g}, {high:g}].")
        return None
    return float(value)  # type: ignore[arg-type]


def _read_bounds(
    name: str, table: Mapping[str, Any], known: tuple[str, ...], problems: list[str]
) -> tuple[Any, Any] | None:
    unknown = [key for key in table if key not in known]
    problems += [f"{name}.{key}: unknown key; known in a range: {', '.join(known)}." for key in unknown]
    missing = [key for key in ("low", "high") if key not in table]
    problems += [f"{name}.{key}: missing; a range needs low and high." for key in missing]
    wrong = [key for key in ("low", "high") if key in table and not is_number(table[key])]
    problems += [f"{name}.{key}: got {show(table[key])}; accepted is a finite number." for key in wrong]
    if missing or wrong:
        return None
    low, high = table["low"], table["high"]
    if low > high:
        problems.append(f"{name}: got low = {low!r} above high = {high!r}; swap them.")
        return None
    return low, high


def _read_count(value: object, int_range: Callable[..., Any], problems: list[str]) -> Any:
    def is_count(x: object) -> bool:
        return isinstance(x, int) and not isinstance(x, bool) and x >= 0

    if isinstance(value, Mapping):
        bounds = _read_bounds("n_restarts", value, ("low", "high"), problems)
        if bounds is None:
            return None
        if not (is_count(bounds[0]) and is_count(bounds[1])):
            problems.append(f"n_restarts: got {show(dict(value))}; accepted are whole numbers >= 0.")
            return None
        return int_range(low=bounds[0], high=bounds[1])
    if not is_count(value):
        problems.append(
            f"n_restarts: got {show(value)}; accepted are a whole number >= 0, or a range such as "
            "{ low = 0, high = 3 }."
        )
        return None
    return value


def _read_restarts(value: object, problems: list[str]) -> tuple[float, ...] | None:
    rule = "accepted is a list of fractions of the horizon, strictly rising in (0, 1)."
    if not isinstance(value, list | tuple) or not all(is_number(x) for x in value):
        problems.append(f"restarts: got {show(value)}; {rule}")
        return None
    rising = all(a < b for a, b in itertools.pairwise(value))
    if not rising or not all(0 < x < 1 for x in value):
        problems.append(f"restarts: got {show(value)}; {rule}")
        return None
    return tuple(float(x) for x in value)


def _read_curve(value: object, problems: list[str]) -> str | tuple[str, ...] | None:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        problems.append(f"curve: got {show(value)}; accepted are a name or a list of names.")
        return None
    known = curve_names()
    for name in names:
        if not isinstance(name, str) or name not in known:
            problems.append(f"curve: got {show(name)}; accepted are {', '.join(known)}.")
    texts = tuple(name for name in names if isinstance(name, str))
    if len(set(texts)) < len(texts):
        problems.append(f"curve: got {show(list(names))}; name each curve once.")
    return value if isinstance(value, str) else texts


def _read_min_cycle(value: object, problems: list[str]) -> float | None:
    if not is_number(value) or not LEAST_MIN_CYCLE <= value <= 0.5:  # type: ignore[operator]
        rule = f"accepted is a fraction in [{LEAST_MIN_CYCLE:g}, 0.5]."
        problems.append(f"min_cycle: got {show(value)}; {rule}")
        return None
    return float(value)  # type: ignore[arg-type]


def _check_together(table: Mapping[str, Any], fields: Mapping[str, Any], problems: list[str]) -> None:
    """Rules that join two fields: every schedule of the space must have room for its cycles."""
    if "n_restarts" in table and "restarts" in table:
        problems.append("restarts: got both n_restarts and restarts; give one of them.")
        return
    warmup = fields.get("warmup", 0.0)
    longest_warmup = getattr(warmup, "high", warmup)
    restarts = fields.get("restarts") or ()
    if restarts and restarts[0] <= longest_warmup:
        problems.append(
            f"restarts: the first is {restarts[0]!r} but warmup may be {longest_warmup!r}; "
            "warm-up has to end before the first restart."
        )
    if not restarts:
        _check_room(fields, longest_warmup, problems)
    curves = fields.get("curve", "cosine")
    if "power" in table and "polynomial" not in ((curves,) if isinstance(curves, str) else curves):
        problems.append('power: only the "polynomial" curve has one; add it to curve or drop power.')


def _check_room(fields: Mapping[str, Any], longest_warmup: float, problems: list[str]) -> None:
    n_restarts = fields.get("n_restarts", 0)
    most = getattr(n_restarts, "high", n_restarts)
    gap = fields.get("min_cycle", 0.05)
    if longest_warmup + (most + 1) * gap < 1:
        return
    if most:
        problems.append(
            f"n_restarts: {most} restarts after a warm-up of {longest_warmup!r} leave no room for "
            f"{most + 1} cycles of at least {gap!r} each; lower one of them."
        )
    else:
        problems.append(
            f"warmup: a warm-up of {longest_warmup!r} leaves no room for a cycle of at least {gap!r}; "
            "lower one of them."
        )
