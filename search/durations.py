"""Durations as people write them in a study file: "90s", "10m", "2h", "1h30m", or a number of seconds."""

from __future__ import annotations

import math
import re

_UNIT_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_NUMBER = r"(\d+(?:\.\d+)?)"
_PATTERN = re.compile("".join(rf"(?:{_NUMBER}\s*{unit}\s*)?" for unit in _UNIT_SECONDS), re.ASCII)
LONGEST_SECONDS = 366 * 86400.0


def parse_duration(value: object) -> float:
    """Seconds, above 0 and at most a year.

    Raises:
        ValueError: anything else; the message ends without a full stop, to stand in a list of problems.

    >>> parse_duration("1h30m"), parse_duration("0.5 h"), parse_duration(45)
    (5400.0, 1800.0, 45.0)
    """
    seconds = _from_text(value) if isinstance(value, str) else _from_number(value)
    if seconds is None or not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(
            'accepted is a time above 0 and at most a year, such as "90s", "10m", "8h" or "1h30m", '
            "or a number of seconds"
        )
    return seconds


def duration_text(seconds: float) -> str:
    """A duration for a person to read, in its two largest units.

    >>> duration_text(42.3), duration_text(150), duration_text(7300), duration_text(8 * 3600)
    ('42 s', '2 min 30 s', '2 h 1 min', '8 h')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.2g} s" if 0 < seconds < 1 else f"{whole} s"
    large, small, words = (whole // 60, whole % 60, ("min", "s"))
    if whole >= 3600:
        large, small, words = (whole // 3600, whole % 3600 // 60, ("h", "min"))
    return f"{large} {words[0]}" + (f" {small} {words[1]}" if small else "")


def rate_text(per_second: float, what: str) -> str:
    """How many a second, minute, hour or day: in the first of them in which it is one or more.

    >>> rate_text(2.0, "trials"), rate_text(0.04, "trials"), rate_text(1 / 4000, "trials")
    ('2.0 trials/s', '2.4 trials/min', '21.6 trials/day')
    """
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.1f} {what}/{unit}"
    return f"{per_second * 86400:.1f} {what}/day"


def _from_text(text: str) -> float | None:
    match = _PATTERN.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    counts = [float(group or 0) for group in match.groups()]
    return math.fsum(n * unit for n, unit in zip(counts, _UNIT_SECONDS.values(), strict=True))


def _from_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an int that no float can hold
        return None
