"""The gain told in steps: at which horizons the leader is trained for it."""

from __future__ import annotations

from search.spec.study import StudySpec

SHARES_OF_HORIZON = (0.6, 0.75, 0.9, 1.0)
"""Horizons at which the leader is compared with the standard at the whole one."""
PAIRS_FOR_STEPS = 8


def why_not_in_steps(spec: StudySpec) -> str | None:
    """Why a study's leader can't be trained to these horizons; None where it can."""
    if not spec.can_change_horizon:
        return "its command trains to one horizon only; let the command take its steps from {total_steps}."
    shortest, least = _horizons(spec)[0], spec.parsed_space.min_total_steps
    if shortest < least:
        return f"its schedules need {least} steps or more, and the shortest horizon is {shortest} steps."
    return None


def horizons_for_steps(spec: StudySpec) -> list[int]:
    """In optimizer steps, ascending, the study's own last; none where they can't be trained."""
    return [] if why_not_in_steps(spec) else _horizons(spec)


def runs_for_steps(n_pairs: int) -> float:
    """What it takes after so many pairs, in full runs.

    >>> runs_for_steps(30), runs_for_steps(5)
    (18.0, 11.25)
    """
    return min(PAIRS_FOR_STEPS, n_pairs) * sum(SHARES_OF_HORIZON[:-1])


def trainings_for_steps(n_pairs: int) -> int:
    """How many trainings that is."""
    return min(PAIRS_FOR_STEPS, n_pairs) * (len(SHARES_OF_HORIZON) - 1)


def _horizons(spec: StudySpec) -> list[int]:
    return [round(share * spec.horizon_steps) for share in SHARES_OF_HORIZON]
