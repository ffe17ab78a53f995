"""Which horizons a transfer trains."""

from __future__ import annotations

from collections.abc import Sequence

from search.errors import UsageError

SPAN = 9
"""Longest over shortest horizon, at least: a slope needs room."""


def default_horizons(total_steps: int, least_steps: int) -> tuple[int, ...]:
    """A ninth, a third and the whole of a horizon; longer ones where a ninth has no room for the schedule.

    Args:
        total_steps: the study's horizon.
        least_steps: the shortest horizon in which every schedule of the study has room.

    >>> default_horizons(600, 40), default_horizons(250, 40)
    ((66, 200, 600), (40, 120, 360))
    """
    shortest = max(least_steps, total_steps // SPAN)
    longest = max(total_steps, SPAN * shortest)
    return shortest, longest // 3, longest


def checked_horizons(horizons: Sequence[int], least_steps: int) -> tuple[int, ...]:
    """The requested horizons, ascending.

    Raises:
        UsageError: fewer than three different ones, less than a factor of 9 between the shortest and the
            longest, or one with no room for the schedule.

    >>> checked_horizons([900, 100, 300], 40)
    (100, 300, 900)
    """
    found = sorted(set(horizons))
    problems = []
    if len(found) < 3:
        problems.append(f"got {len(found)} different; a trend needs 3.")
    elif found[-1] < SPAN * found[0]:
        problems.append(f"{found[0]} to {found[-1]} spans less than a factor of {SPAN}; take a longer one.")
    if found and found[0] < least_steps:
        problems.append(f"{found[0]}: this study's schedules need {least_steps} steps or more.")
    if problems:
        raise UsageError("\n".join(f"--horizons: {problem}" for problem in problems))
    return tuple(found)
