"""The attributes of a trial that tell its schedule to a person."""

from __future__ import annotations

from search.runs.trial_attributes import RESTARTS, SCHEDULE
from warmboot.layout import nearest_step
from warmboot.schedule import WarmbootSchedule


def described(schedule: WarmbootSchedule, total_steps: int) -> dict[str, str]:
    """The attributes `SCHEDULE` and, of a schedule with restarts, `RESTARTS`: where they are.

    Args:
        schedule: of the trial.
        total_steps: its horizon.

    >>> described(WarmbootSchedule(restarts=[0.3, 0.6]), 600)["restarts"]
    'at 30% and 60%: steps 180 and 360 of 600'
    """
    told = {SCHEDULE: schedule.describe()}
    if schedule.restarts:
        parts = [f"{100 * restart:.3g}%" for restart in schedule.restarts]
        steps = [str(nearest_step(restart, total_steps)) for restart in schedule.restarts]
        word = "step" if len(steps) == 1 else "steps"
        told[RESTARTS] = f"at {_listed(parts)}: {word} {_listed(steps)} of {total_steps}"
    return told


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
