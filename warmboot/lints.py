"""What is probably a mistake in a schedule, said in words before anybody trains with it.

`lint_schedule` looks at a `WarmbootSchedule` on a horizon. `lint_factors` looks at numbers of any
making (factors or lrs: everything is relative to the highest), where more can go wrong; what they
were meant to reach is told with `levels`. A finding is advice: nothing here is refused.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from warmboot.curves import FloatArray
from warmboot.layout import Cycle
from warmboot.schedule import WarmbootSchedule
from warmboot.segmentation import Segments, Span, checked_values, segment

FEWEST_CYCLE_STEPS = 10
MOST_ZERO_SHARE = 0.01
LEAST_LAST_PEAK = 0.01
MOST_WARMUP_SHARE = 0.5
FEWEST_FALL_STEPS = 10
LEAST_FALL_SHARE = 0.1
MOST_HELD_SHARE = 0.1
# With fewer different values than this a fall is made of stairs, and the last stair is one of them.
_FEWEST_GRADUAL_CHANGES = 10
# A level that is missed by less than this share of its cycle's peak is as good as trained.
_CLOSE = 1e-4


class Finding(NamedTuple):
    """One remark: its name for programs, the step it is about, and a sentence with it."""

    name: str
    step: int
    words: str


class Level(NamedTuple):
    """A value that steps `start .. stop - 1` were meant to reach, and the peak it is measured by."""

    kind: Literal["peak", "floor"]
    words: str
    value: float
    peak: float
    start: int
    stop: int


def lint_schedule(schedule: WarmbootSchedule, total_steps: int) -> list[Finding]:
    """What looks wrong with a schedule on that horizon, nothing if all is well.

    Found are a warm-up that rounds to 0 steps or takes over half of them, a cycle held so long that
    its fall has under 10 steps, cycles under 10 steps, over 1% of the steps at lr 0, and a last peak
    under 1% of the highest.

    Raises:
        ScheduleError: if the horizon has no room for the schedule.

    >>> for finding in lint_schedule(WarmbootSchedule(warmup=0.001, curve="linear"), 200):
    ...     print(finding.words)
    a warm-up of 0.001 of 200 steps rounds to 0 steps: there is none
    """
    layout = schedule.layout(total_steps)
    values = schedule.factors(total_steps)
    spans = [Span(cycle.start, cycle.end) for cycle in layout.cycles]
    findings = []
    if schedule.warmup > 0.0 and layout.warmup_steps == 0:
        words = f"a warm-up of {schedule.warmup:g} of {total_steps} steps rounds to 0 steps: there is none"
        findings.append(Finding("warmup_rounds_to_0", 0, words))
    findings += _long_warmup(layout.warmup_steps, total_steps)
    if schedule.eta_min < 1.0 and schedule.curve.name != "constant":
        findings += _short_falls(layout.cycles)
    return findings + _cycle_findings(values, spans)


def lint_factors(values: Sequence[float] | FloatArray, *, levels: Sequence[Level] = ()) -> list[Finding]:
    """What looks wrong with the lrs of a training, or with factors of its lr, one for each step.

    Found are, beside what `lint_schedule` finds: a first value of 0, a dip after warm-up, a rise
    past the end or a tail held there, a last cycle that barely falls, and of `levels` each peak that
    is skipped and each floor that is never trained.

    Args:
        values: finite, none below 0, `[N]`.
        levels: what was meant to be reached, where that is known.

    Raises:
        ScheduleError: a `ValueError`, if `values` is no such list.

    >>> [finding.name for finding in lint_factors([0.0, *np.linspace(1.0, 0.1, 20)])]
    ['first_lr_is_0', 'much_at_lr_0']
    """
    array = checked_values("lint_factors", values)
    parts = segment(array)
    return [
        *(found for look in _LOOKS if (found := look(array, parts)) is not None),
        *(found for level in levels if (found := _missed(array, level)) is not None),
        *_long_warmup(parts.warmup_end, len(array)),
        # where the floor is known, a value far above it is an untrained floor
        *([] if any(level.kind == "floor" for level in levels) else _last_fall(array, parts)),
        *_cycle_findings(array, parts.cycles),
    ]


def _first_is_zero(values: FloatArray, _parts: Segments) -> Finding | None:
    if values[0] != 0.0:
        return None
    return Finding("first_lr_is_0", 0, "the first lr is 0: step 0 is trained for nothing")


def _dip(values: FloatArray, parts: Segments) -> Finding | None:
    if parts.dip is None:
        return None
    words = (
        f"lr dips after warm-up: it ends at {values[parts.warmup_end]:.6g} (step {parts.warmup_end}), "
        f"falls to {values[parts.dip.lowest]:.6g} (step {parts.dip.start} on), and is back at step "
        f"{parts.dip.end}"
    )
    return Finding("dip_after_warmup", parts.dip.start, words)


def _late_rise(values: FloatArray, parts: Segments) -> Finding | None:
    if parts.late_rise is None:
        return None
    words = (
        f"lr rises at the end, from {values[parts.late_rise]:.6g} at step {parts.late_rise} to "
        f"{values[-1]:.6g} at the last: the training is longer than its schedule"
    )
    return Finding("rise_past_the_end", parts.late_rise + 1, words)


_LOOKS: tuple[Callable[[FloatArray, Segments], Finding | None], ...] = (_first_is_zero, _dip, _late_rise)


def _long_warmup(warmup_steps: int, total_steps: int) -> list[Finding]:
    if warmup_steps <= MOST_WARMUP_SHARE * total_steps:
        return []
    words = f"warm-up takes {warmup_steps} of {_steps(total_steps)}, over half: little is left for the rest"
    return [Finding("long_warmup", warmup_steps, words)]


def _short_falls(cycles: Sequence[Cycle]) -> list[Finding]:
    """A hold that leaves its cycle no time to fall; one that is short as a whole is said to be that."""
    short = [
        cycle
        for cycle in cycles
        if cycle.end - cycle.start >= FEWEST_CYCLE_STEPS
        and cycle.hold_steps > 0
        and cycle.fall_steps < FEWEST_FALL_STEPS
    ]
    if not short:
        return []
    first = short[0]
    words = (
        f"the cycle at step {first.start} is held at its peak for {first.hold_steps + 1} of its "
        f"{first.end - first.start} steps, and falls in {first.fall_steps}, under {FEWEST_FALL_STEPS}"
    )
    return [Finding("short_fall", first.end - first.fall_steps, words)]


def _last_fall(values: FloatArray, parts: Segments) -> list[Finding]:
    """A training much shorter than its schedule, which hardly falls, or longer, which stays down."""
    if not parts.cycles or parts.late_rise is not None:
        return []
    start, end = parts.cycles[-1]
    cycle = values[start:end]
    changes = np.flatnonzero(np.diff(cycle) < 0.0)
    peak, last = float(cycle[0]), float(cycle[-1])
    if changes.size < _FEWEST_GRADUAL_CHANGES or last == 0.0:
        return []
    if last > (1.0 - LEAST_FALL_SHARE) * peak:
        words = (
            f"lr barely falls: the last is {last / peak:.0%} of the last peak, as where a schedule is longer "
            "than the training, or stepped once an epoch on a horizon in steps"
        )
        return [Finding("barely_falls", end - 1, words)]
    held = len(cycle) - 1 - int(changes[-1])
    if held <= MOST_HELD_SHARE * len(values):
        return []
    words = (
        f"the last {held} of {_steps(len(values))} stay at {last:.6g}, from step {end - held} on: the "
        "training is longer than its schedule"
    )
    return [Finding("held_at_the_end", end - held, words)]


def _missed(values: FloatArray, level: Level) -> Finding | None:
    """A peak that no step has, or a floor."""
    name = {"peak": "skipped_peak", "floor": "untrained_floor"}[level.kind]
    never = f"{level.words}, {level.value:.6g}, is never trained"
    trained = values[level.start : level.stop]
    if not trained.size:
        return Finding(name, len(values) - 1, f"{never}: no step is left for it")
    distance = np.abs(trained - level.value)
    at = int(distance.argmin())
    if distance[at] <= _CLOSE * level.peak:
        return None
    nearest = f"the nearest is {trained[at]:.6g} at step {level.start + at}"
    return Finding(name, level.start + at, f"{never}: {nearest}")


def _cycle_findings(values: FloatArray, cycles: Sequence[Span]) -> list[Finding]:
    """What can be wrong with any schedule's cycles."""
    findings = []
    short = [cycle for cycle in cycles if cycle.end - cycle.start < FEWEST_CYCLE_STEPS]
    if short:
        first = short[0]
        which = f"the cycle at step {first.start} has {_steps(first.end - first.start)}"
        if len(short) > 1:
            which = f"{len(short)} of {len(cycles)} cycles are short; {which}"
        words = f"{which}, under {FEWEST_CYCLE_STEPS}"
        findings.append(Finding("short_cycle", first.start, words))
    at_zero = np.flatnonzero(values == 0.0)
    if at_zero.size > MOST_ZERO_SHARE * len(values):
        share = f"{100 * at_zero.size / len(values):.3g}%"
        first_at = f"the first is step {at_zero[0]}"
        words = f"{_steps(at_zero.size)} of {len(values)} ({share}) at lr 0, for nothing; {first_at}"
        findings.append(Finding("much_at_lr_0", int(at_zero[0]), words))
    return findings + _last_peak(values, cycles)


def _last_peak(values: FloatArray, cycles: Sequence[Span]) -> list[Finding]:
    if len(cycles) < 2 or not values.any():
        return []
    last = cycles[-1]
    share = float(values[last.start : last.end].max() / values.max())
    if share >= LEAST_LAST_PEAK:
        return []
    words = f"the last cycle, from step {last.start} on, peaks at {share:.2g} of the highest lr: under 1%"
    return [Finding("low_last_peak", last.start, words)]


def _steps(count: int) -> str:
    return f"{count} step{'' if count == 1 else 's'}"
