"""From fractions to steps: where warm-up and cycles of a schedule lie for one horizon.

`N` = total steps, `W` = warm-up steps; a cycle covers steps `start .. end - 1`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from warmboot.errors import ScheduleError


class Cycle(NamedTuple):
    """One cycle in steps: `hold_steps` more at the peak after its first, then `fall_steps`."""

    start: int
    end: int
    hold_steps: int
    peak: float

    @property
    def fall_steps(self) -> int:
        """Steps from the last at the peak to the floor: `n - 1 - h`; 0 in a cycle of one step."""
        return self.end - self.start - 1 - self.hold_steps


class Layout(NamedTuple):
    """A schedule laid out on a horizon of `total_steps`."""

    total_steps: int
    warmup_steps: int
    cycles: tuple[Cycle, ...]


def nearest_step(fraction: float, total_steps: int) -> int:
    """`r(x) = floor(x N + 0.5)`.

    >>> nearest_step(0.25, 10)
    3
    """
    return math.floor(fraction * total_steps + 0.5)


def lay_out(
    *,
    total_steps: int,
    warmup_steps: int,
    restarts: Sequence[float],
    peaks: Sequence[float],
    hold: float,
) -> Layout:
    """Place the cycles, or refuse with every pair of boundaries that leaves a cycle no step.

    Raises:
        ScheduleError: unless `W < R_1 < ... < R_n < N`.
    """
    restart_steps = [nearest_step(restart, total_steps) for restart in restarts]
    boundaries = [warmup_steps, *restart_steps, total_steps]
    pairs = list(pairwise(boundaries))
    if any(start >= end for start, end in pairs):
        names = ["the end of warm-up", *(f"restart {restart:g}" for restart in restarts), "the end"]
        raise _no_room(boundaries, names)
    cycles = (
        Cycle(start, end, hold_steps_of(hold, end - start), peak)
        for (start, end), peak in zip(pairs, peaks, strict=True)
    )
    return Layout(total_steps, warmup_steps, tuple(cycles))


def hold_steps_of(hold: float, cycle_steps: int) -> int:
    return min(nearest_step(hold, cycle_steps), max(cycle_steps - 2, 0))


def _no_room(boundaries: list[int], names: list[str]) -> ScheduleError:
    total_steps = boundaries[-1]
    problems = [
        f"{names[i]} at step {boundaries[i]} and {names[i + 1]} at step {boundaries[i + 1]}: "
        f"every cycle needs at least one step, W < R_1 < ... < R_n < N = {total_steps}; "
        "use a longer horizon or move them apart"
        for i in range(len(names) - 1)
        if boundaries[i] >= boundaries[i + 1]
    ]
    return ScheduleError(f"schedule at total_steps={total_steps}", problems)
