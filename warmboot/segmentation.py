"""The parts of a list of lrs whose intention is unknown: warm-up, cycles, a dip.

Only rises and falls are looked at. A rise from the first steps on is warm-up; each later rise begins
a cycle, unless it only makes good a dip right after warm-up, or is never followed by a fall.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from warmboot.curves import FloatArray
from warmboot.errors import ScheduleError

# Differences below this share of the highest value are rounding, neither rise nor fall.
_LEVEL = 1e-9
# A fall to less than this share of warm-up's end is the end of a cycle, not a dip.
_SHALLOW = 0.5


class Span(NamedTuple):
    """Steps `start .. end - 1`."""

    start: int
    end: int


class Dip(NamedTuple):
    """The first and the lowest step below warm-up's end, and the one that is up there again."""

    start: int
    lowest: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Segments:
    """The parts of a list of values over steps."""

    warmup_end: int
    """The step at the top of the first rise; 0 where the values don't begin with one."""
    dip: Dip | None
    cycles: tuple[Span, ...]
    """Each from its first step up; the first from warm-up's end. None if the values never fall."""
    late_rise: int | None
    """The last step before a rise that ends the list, if one does."""


class _Run(NamedTuple):
    """A stretch without a change of direction, from the step before its first change to its last."""

    rising: bool
    start: int
    end: int
    changes: int


def checked_values(subject: str, values: Sequence[float] | FloatArray) -> FloatArray:
    """The values as float64, or a `ScheduleError` where they are no lrs."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size or not np.all(np.isfinite(array)) or np.any(array < 0):
        rule = "values must be a non-empty list of finite numbers, none below 0"
        raise ScheduleError(subject, [rule])
    return array


def segment(values: FloatArray) -> Segments:
    """The parts of `values`, float64 of shape `[N]`, N at least 1, as `checked_values` gives them.

    >>> segment(np.array([0.5, 1.0, 0.5, 0.0, 0.8, 0.4])).cycles
    (Span(start=1, end=4), Span(start=4, end=6))
    """
    runs = _runs(values)
    total_steps = len(values)
    has_warmup = bool(runs) and runs[0].rising
    warmup_end = runs[0].end if has_warmup else 0
    later = runs[1:] if has_warmup else runs
    dip = _dip(values, warmup_end, later)
    rises = [run for run in later if run.rising][1 if dip else 0 :]
    late_rise = None
    if rises and rises[-1] is later[-1] and (rises[-1].end == total_steps - 1 or rises[-1].changes > 1):
        late_rise = rises.pop().start
    starts = [warmup_end, *(run.start + 1 for run in rises)]
    ends = [*starts[1:], total_steps if late_rise is None else late_rise + 1]
    never_falls = has_warmup and not later
    cycles = () if never_falls else tuple(map(Span, starts, ends))
    return Segments(warmup_end=warmup_end, dip=dip, cycles=cycles, late_rise=late_rise)


def _runs(values: FloatArray) -> list[_Run]:
    changes = np.diff(values)
    at = np.flatnonzero(np.abs(changes) > _LEVEL * values.max())
    if not at.size:
        return []
    rising = changes[at] > 0
    turns = np.flatnonzero(rising[1:] != rising[:-1]) + 1
    firsts = [0, *turns.tolist()]
    lasts = [*(turns - 1).tolist(), len(at) - 1]
    return [
        _Run(bool(rising[first]), int(at[first]), int(at[last]) + 1, last - first + 1)
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _dip(values: FloatArray, warmup_end: int, later: list[_Run]) -> Dip | None:
    """A short shallow fall right after warm-up from which the values come back."""
    if not warmup_end or len(later) < 2:
        return None
    fall, rise = later[:2]
    level = values[warmup_end] * (1.0 - _LEVEL)
    short = rise.start - fall.start <= warmup_end
    if not short or values[rise.start] < _SHALLOW * level or values[rise.end] < level:
        return None
    back = rise.start + int(np.argmax(values[rise.start : rise.end + 1] >= level))
    return Dip(fall.start + 1, fall.end, back)
