"""What `WarmbootLR` saves, and how it is checked when it comes back.

The step count, and where the horizon was changed the first horizon with every change: from these
the course is made again, exactly. Plain ints and lists, so that it is JSON and loads under
`torch.load(weights_only=True)`.
"""

from collections.abc import Mapping
from typing import Any

from warmboot.checks import integer_problem, show
from warmboot.course import Course, course_of
from warmboot.errors import ScheduleError

_KEYS = {"last_epoch"}
_KEYS_AFTER_RETARGET = {"last_epoch", "total_steps", "retargets"}


def state_of(last_epoch: int, course: Course) -> dict[str, Any]:
    """The state at a step count: nothing but the count, as long as the horizon was never changed."""
    if not course.retargets:
        return {"last_epoch": last_epoch}
    retargets = [list(retarget) for retarget in course.retargets]
    return {
        "last_epoch": last_epoch,
        "total_steps": course.layout.total_steps,
        "retargets": retargets,
    }


def restored(state: Mapping[str, Any], built: Course) -> tuple[int, Course]:
    """The step count and the course of a saved state, in a scheduler that was built with `built`.

    Raises:
        ScheduleError: if it is no such state, or that of another horizon.
    """
    keys = set(state)
    if keys not in (_KEYS, _KEYS_AFTER_RETARGET):
        rule = "must have the key 'last_epoch', and 'total_steps' with 'retargets' after a retarget, but has"
        raise _error(f"{rule} {show(sorted(map(str, keys)))}")
    last_epoch, built_with = checked_step(state["last_epoch"]), built.layout.total_steps
    if keys == _KEYS:
        return last_epoch, course_of(built.schedule, built_with)
    total_steps, retargets = state["total_steps"], _checked_retargets(state["retargets"])
    if built_with not in (total_steps, retargets[-1][1]):
        raise _error(
            f"was taken with total_steps={show(total_steps)}, changed to {retargets[-1][1]} since, but here "
            f"it is {built_with}: build it with one of the two, load, then retarget"
        )
    return last_epoch, course_of(built.schedule, total_steps, retargets)


def checked_step(step: object) -> int:
    """A step count that is one, as an `int`.

    >>> checked_step(3)
    3
    """
    problem = integer_problem("last_epoch", step, at_least=0)
    if problem is not None:
        raise ScheduleError("WarmbootLR", [problem])
    return int(step)  # type: ignore[call-overload, no-any-return]


def _checked_retargets(retargets: Any) -> list[tuple[int, int]]:
    is_list = isinstance(retargets, list | tuple) and len(retargets) > 0
    if not is_list or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in retargets):
        raise _error(f"retargets must be pairs of at_step and total_steps but got {show(retargets)}")
    return [(at_step, total_steps) for at_step, total_steps in retargets]


def _error(problem: str) -> ScheduleError:
    return ScheduleError("state of WarmbootLR", [problem])
