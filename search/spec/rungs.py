"""The shorter trainings of a trial before its full one, and the middle of a run."""

from __future__ import annotations

from collections.abc import Sequence

SHARES = (9, 3)
"""A squeezed trial trains these many times shorter first."""
LEAST_STEPS = 30
"""Steps of a training that still says something."""


def squeezed_horizons(total_steps: int, least_steps: int) -> tuple[int, ...]:
    """Horizons of the trainings before the full one; none where they would say nothing.

    Args:
        total_steps: the full horizon.
        least_steps: the shortest that every schedule of the space has room in.

    >>> squeezed_horizons(600, 40)
    (66, 200)
    >>> squeezed_horizons(80, 40)
    ()
    """
    horizons = (total_steps // share for share in SHARES)
    return tuple(steps for steps in horizons if steps >= max(LEAST_STEPS, least_steps))


def halfway(report_steps: Sequence[int]) -> int | None:
    """The report nearest to the middle of a run; None where it is reported at its end alone.

    >>> halfway((120, 240, 360, 480, 600))
    240
    """
    return min(report_steps[:-1], key=lambda step: abs(step - report_steps[-1] / 2), default=None)
