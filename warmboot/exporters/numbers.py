"""The plainest export: one number a line, exact, for any program in any language."""

from warmboot.schedule import WarmbootSchedule


def to_numbers(schedule: WarmbootSchedule, total_steps: int, *, with_lr: bool = False) -> str:
    """Each step's factor, or with `with_lr` its lr, as text that reads back to the same float.

    Raises:
        ScheduleError: a `ValueError`, if the horizon has no room for the schedule, or `with_lr`
            is asked of a schedule without an lr.

    >>> print(to_numbers(WarmbootSchedule(lr=0.5, curve="linear"), 3, with_lr=True), end="")
    0.5
    0.25
    0.0
    """
    values = schedule.lr_table(total_steps) if with_lr else schedule.factors(total_steps)
    return "".join(f"{value!r}\n" for value in values.tolist())
