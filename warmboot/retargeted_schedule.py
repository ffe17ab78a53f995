"""The schedule of one run, on its horizon, and what becomes of it when the horizon changes.

A run may turn out longer or shorter than planned. From a step `a` on, what is left of the schedule
is stretched over what is left of the run, and at `a` the factor is what it would have been:

- a boundary at step `b` (the end of warm-up, a restart) moves to `a + (b - a) (M - a) / (N - a)`,
  with `N` the old horizon and `M` the new one, to the nearest step. Warm-up given in steps stays
  as long as it is; what follows is stretched from its end.
- warm-up that is under way rises in a straight line from its present factor to the peak.
- the cycle that is under way goes on from its present `x` to 1, its exact floor, in its last step.
- the cycles ahead are whole cycles between their new boundaries: exact peak, hold, exact floor.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np

from warmboot.checks import integer_problem, show
from warmboot.curves import FloatArray
from warmboot.errors import ScheduleError
from warmboot.layout import Layout, hold_steps_of
from warmboot.schedule import WarmbootSchedule


class Warmup(NamedTuple):
    """Warm-up or the rest of it: from factor `first` at step `start` to 1 at step `end`."""

    start: int
    end: int
    first: float

    def factors(self, schedule: WarmbootSchedule, steps: FloatArray) -> FloatArray:
        return self.first + (1.0 - self.first) * ((steps - self.start) / (self.end - self.start))

    def remainder(self, at_step: int, end: int, factor: float) -> Warmup:
        return Warmup(at_step, end, factor)


class Decay(NamedTuple):
    """A cycle or the rest of one, steps `start .. end - 1`: from `x = done` to `x = 1`.

    `hold_steps` more than the first stay at `done`, which is 0 wherever there are any.
    """

    start: int
    end: int
    hold_steps: int
    peak: float
    done: float = 0.0

    def factors(self, schedule: WarmbootSchedule, steps: FloatArray) -> FloatArray:
        x = self._x(steps)
        value = schedule.eta_min + (1.0 - schedule.eta_min) * schedule.curve.values(x)
        # at x = 0 the exact peak, whatever the sum above rounds to
        return np.where(x == 0.0, self.peak, self.peak * value)

    def remainder(self, at_step: int, end: int, factor: float) -> Decay:
        """From `at_step` to another end; what is left of the hold is stretched as well."""
        done = float(self._x(np.array([float(at_step)]))[0])
        old_remainder, new_remainder = self.end - 1 - at_step, end - 1 - at_step
        hold_left = max(self.start + self.hold_steps - at_step, 0)
        hold_steps = _nearest(hold_left * new_remainder, old_remainder) if hold_left else 0
        return Decay(at_step, end, min(hold_steps, max(new_remainder - 1, 0)), self.peak, done)

    def _x(self, steps: FloatArray) -> FloatArray:
        fall_start = self.start + self.hold_steps
        fallen = np.maximum(0.0, steps - fall_start) / max(self.end - 1 - fall_start, 1)
        # the last step is at x = 1 exactly, whatever the sum rounds to
        return np.where(fallen == 1.0, 1.0, self.done + (1.0 - self.done) * fallen)


Piece: TypeAlias = Warmup | Decay


class Phase(NamedTuple):
    """What holds from step `start` on: the horizon and what lies between `start` and its end."""

    start: int
    total_steps: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class RetargetedSchedule:
    """A schedule on a horizon that may have been changed any number of times; a value.

    Made by `retargetable`, and from another one by `retargeted`. As long as the horizon was never
    changed, its factors have the bits of `schedule.factors`.
    """

    schedule: WarmbootSchedule
    layout: Layout
    phases: tuple[Phase, ...]

    @property
    def total_steps(self) -> int:
        return self.phases[-1].total_steps

    @property
    def retargets(self) -> list[tuple[int, int]]:
        """`(at_step, total_steps)` of each change, which is all there is to save."""
        return [(phase.start, phase.total_steps) for phase in self.phases[1:]]

    def retargeted(self, at_step: int, total_steps: int) -> RetargetedSchedule:
        """This one with another horizon from `at_step` on; the same where it is the horizon.

        Raises:
            ScheduleError: if there is nothing left to stretch, or no room for it.
        """
        problems = self._problems(at_step, total_steps)
        if problems:
            subject = f"retarget(total_steps={show(total_steps)}, at_step={show(at_step)})"
            raise ScheduleError(subject, problems)
        if total_steps == self.total_steps:
            return self
        phase = self._next_phase(operator.index(at_step), operator.index(total_steps))
        return RetargetedSchedule(self.schedule, self.layout, (*self.phases, phase))

    def factors_between(self, start: int, stop: int) -> FloatArray:
        """Factors of steps `start .. stop - 1` within the horizon, float64 `[stop - start]`."""
        cuts = [*(phase.start for phase in self.phases), self.total_steps]
        parts = []
        for i, (phase, (first, end)) in enumerate(zip(self.phases, pairwise(cuts), strict=True)):
            low, high = max(start, first), min(stop, end)
            if low < high and i == 0:
                parts.append(self.schedule.factors_between(self.layout, low, high))
            elif low < high:
                parts += self._parts(phase, low, high)
        return np.concatenate(parts)

    def _parts(self, phase: Phase, start: int, stop: int) -> list[FloatArray]:
        inside = [piece for piece in phase.pieces if piece.start < stop and start < piece.end]
        return [
            piece.factors(
                self.schedule,
                np.arange(max(start, piece.start), min(stop, piece.end), dtype=np.float64),
            )
            for piece in inside
        ]

    def _next_phase(self, at_step: int, total_steps: int) -> Phase:
        present, *ahead = (piece for piece in self.phases[-1].pieces if piece.end > at_step)
        ends = self._moved([present, *ahead], at_step, total_steps)
        factor = float(self.factors_between(at_step, at_step + 1)[0])
        pieces: list[Piece] = [present.remainder(at_step, ends[0], factor)]
        for piece, (start, end) in zip(ahead, pairwise(ends), strict=True):
            assert isinstance(piece, Decay), "warm-up comes first"
            pieces.append(Decay(start, end, hold_steps_of(self.schedule.hold, end - start), piece.peak))
        return Phase(at_step, total_steps, tuple(pieces))

    def _moved(self, pieces: Sequence[Piece], at_step: int, total_steps: int) -> list[int]:
        """The new end of each piece; the present one keeps the present step at least."""
        anchor = at_step
        if isinstance(pieces[0], Warmup) and self.schedule.warmup_steps is not None:
            anchor = pieces[0].end
        new, old = total_steps - anchor, self.total_steps - anchor
        subject = f"retarget(total_steps={total_steps}, at_step={at_step})"
        if new <= 0:
            raise ScheduleError(subject, [f"warm-up alone lasts until step {anchor}; use a longer horizon"])
        ends = [anchor + _nearest((piece.end - anchor) * new, old) for piece in pieces]
        ends[0] = max(ends[0], at_step + 1)
        problems = [
            f"the part that begins at step {piece.start} gets no step: the boundaries move to "
            f"{[at_step, *ends]} and have to rise; use a longer horizon"
            for piece, (start, end) in zip(pieces[1:], pairwise(ends), strict=True)
            if start >= end
        ]
        if problems:
            raise ScheduleError(subject, problems)
        return ends

    def _problems(self, at_step: int, total_steps: int) -> list[str]:
        first, last = self.phases[-1].start, self.total_steps - 2
        checks = (
            integer_problem("at_step", at_step, at_least=0),
            integer_problem("total_steps", total_steps, at_least=1),
        )
        problems = [problem for problem in checks if problem is not None]
        if problems or total_steps == self.total_steps:
            return problems
        if at_step < first:
            problems.append(f"at_step must be at least {first}, where the horizon was last changed")
        if at_step > last:
            problems.append(
                f"at_step must be before the last step of the present horizon, {self.total_steps - 1}: "
                "nothing of the schedule is left to stretch; begin a new one for a training that goes on"
            )
        if total_steps <= at_step:
            problems.append(f"total_steps must be more than at_step, {at_step}")
        return problems


def retargetable(
    schedule: WarmbootSchedule, total_steps: int, retargets: Sequence[tuple[int, int]] = ()
) -> RetargetedSchedule:
    """A schedule on a horizon that was `total_steps` at first, with all changes of it so far.

    >>> run_schedule = retargetable(WarmbootSchedule(curve="linear"), 5, [(2, 9)])
    >>> run_schedule.factors_between(0, 9).round(3).tolist()
    [1.0, 0.75, 0.5, 0.417, 0.333, 0.25, 0.167, 0.083, 0.0]

    Raises:
        ScheduleError: where the schedule has no room on one of the horizons.
    """
    layout = schedule.layout(total_steps)
    pieces: list[Piece] = []
    if layout.warmup_steps:
        pieces.append(Warmup(0, layout.warmup_steps, 1.0 / (layout.warmup_steps + 1)))
    pieces += [Decay(cycle.start, cycle.end, cycle.hold_steps, cycle.peak) for cycle in layout.cycles]
    run_schedule = RetargetedSchedule(schedule, layout, (Phase(0, layout.total_steps, tuple(pieces)),))
    for at_step, changed_total_steps in retargets:
        run_schedule = run_schedule.retargeted(at_step, changed_total_steps)
    return run_schedule


def _nearest(numerator: int, denominator: int) -> int:
    """`numerator / denominator` to the nearest integer, halves upwards, exact at any size.

    >>> _nearest(5, 2), _nearest(7, 3)
    (3, 2)
    """
    return (2 * numerator + denominator) // (2 * denominator)
