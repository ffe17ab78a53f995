"""`extended`: a schedule for a run that has ended and goes on, by one more warm restart.

A schedule that has come down has nothing left to stretch. So what follows is a cycle of its own: a restart
where the run had ended, at a peak that is a part of the last one, then the same hold, curve and floor.
"""

from warmboot.checks import integer_problem
from warmboot.errors import ScheduleError
from warmboot.schedule import WarmbootSchedule


def extended(
    schedule: WarmbootSchedule, total_steps: int, *, to_steps: int, step_scale: float
) -> WarmbootSchedule:
    """The schedule of `to_steps` steps that begins as `schedule` on `total_steps`, bit for bit.

    Args:
        schedule: of the run.
        total_steps: its horizon `N`, in optimizer steps.
        to_steps: the new one `M`, > N; the new cycle has `M - N` steps.
        step_scale: the new cycle's peak as a part of the last one's, (0, 1].

    Raises:
        ScheduleError: `to_steps` is not longer, or another value is out of its range.

    >>> linear = WarmbootSchedule(curve="linear")
    >>> extended(linear, 3, to_steps=6, step_scale=0.5).factors(6)
    array([1.  , 0.5 , 0.  , 0.5 , 0.25, 0.  ])
    """
    problem = integer_problem("to_steps", to_steps, at_least=total_steps + 1)
    if problem is not None:
        raise ScheduleError("extended", [f"{problem}: the run has {total_steps} already"])
    layout = schedule.layout(total_steps)
    starts = [cycle.start for cycle in layout.cycles[1:]] + [total_steps]
    before = schedule.step_scale
    scales = before if isinstance(before, tuple) else (before,) * len(schedule.restarts)
    warmup = {"warmup": 0.0, "warmup_steps": layout.warmup_steps} if layout.warmup_steps else {"warmup": 0.0}
    return schedule.replace(
        **warmup,
        restarts=[start / to_steps for start in starts],
        step_scale=[*scales, step_scale],
    )
