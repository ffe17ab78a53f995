"""What `WarmbootLR` saves, and how it is checked when it comes back.

A state is whole by itself and has the same keys always, for there are loaders that fill in only the
keys which a fresh scheduler's state has. From the first horizon and each change of it the run's schedule is
made again, exactly; the schedule goes along as text, to be told from another one. Plain numbers,
lists and text, so that it is JSON and loads under `torch.load(weights_only=True)`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from warmboot.checks import integer_problem, number_problem, show
from warmboot.errors import ScheduleError
from warmboot.retargeted_schedule import RetargetedSchedule, retargetable
from warmboot.schedule import WarmbootSchedule

_KEYS = ("last_epoch", "total_steps", "retargets", "base_lrs", "in_charge", "schedule")
# as they were saved before the state was whole by itself: the count alone, as long as the horizon
# was never changed, and with the horizons afterwards
_OLDER_KEYS = ({"last_epoch"}, {"last_epoch", "total_steps", "retargets"})


class SavedRun(NamedTuple):
    """A state that has been checked; what an older one doesn't hold is None."""

    last_epoch: int
    """-1 for a part of a `SequentialLR` whose turn has not come."""
    run_schedule: RetargetedSchedule | None
    base_lrs: list[float] | None
    in_charge: bool | None


def state_of(
    last_epoch: int, run_schedule: RetargetedSchedule, base_lrs: Sequence[float], in_charge: bool
) -> dict[str, Any]:
    """The state at a step count.

    Args:
        last_epoch: the step count.
        run_schedule: the schedule with its horizons.
        base_lrs: what the factors are multiplied with, one for each group.
        in_charge: whether the optimizer's lrs are those that this scheduler sets at the count.
    """
    return {
        "last_epoch": last_epoch,
        "total_steps": run_schedule.layout.total_steps,
        "retargets": [list(retarget) for retarget in run_schedule.retargets],
        "base_lrs": list(base_lrs),
        "in_charge": in_charge,
        "schedule": json.dumps(identity(run_schedule.schedule)),
    }


def restored(state: Mapping[str, Any], schedule: WarmbootSchedule) -> SavedRun:
    """The state, checked, for a scheduler of this schedule.

    Raises:
        ScheduleError: if it is no such state, or that of another schedule.
    """
    keys = set(state) if isinstance(state, Mapping) else set()
    if keys != set(_KEYS) and keys not in _OLDER_KEYS:
        raise _error([_no_state(state, keys)])
    problems = _problems(state, schedule)
    if problems:
        raise _error(problems)
    run_schedule = None
    if "total_steps" in state:
        retargets = [(at_step, total_steps) for at_step, total_steps in state["retargets"]]
        run_schedule = retargetable(schedule, state["total_steps"], retargets)
    base_lrs = [float(lr) for lr in state["base_lrs"]] if "base_lrs" in state else None
    return SavedRun(int(state["last_epoch"]), run_schedule, base_lrs, state.get("in_charge"))


def continued(saved: SavedRun, built: RetargetedSchedule) -> tuple[RetargetedSchedule, str | None]:
    """The schedule on which a run goes on in a scheduler that was built as `built`, and what to say of it.

    Built with the run's first horizon or its last, it goes on with the last, as a script does that
    stays as it is. Built with another one, what is left is stretched to it, without a jump in lr.
    """
    run_schedule, total_steps = saved.run_schedule, built.total_steps
    if run_schedule is None or total_steps == run_schedule.total_steps:
        return run_schedule or built, None
    if total_steps == run_schedule.layout.total_steps:
        return run_schedule, None
    said = (
        f"this state is of a run of {run_schedule.total_steps} steps, and here total_steps is {total_steps}"
    )
    if saved.last_epoch < 0:
        return built, f"{said}; none of them is done yet, and {total_steps} it will be."
    at_step = max(saved.last_epoch, run_schedule.phases[-1].start)
    try:
        stretched = run_schedule.retargeted(at_step, total_steps)
    except ScheduleError as error:
        return (
            run_schedule,
            f"{said}; it goes on with {run_schedule.total_steps}, for {'; '.join(error.problems)}.",
        )
    return stretched, (
        f"{said}: from step {at_step} on, what is left of the schedule ends at step {total_steps}, without "
        f"a jump in lr. To keep the other end, build it with total_steps={run_schedule.total_steps}."
    )


def checked_step(step: object, at_least: int = 0) -> int:
    """A step count that is one, as an `int`.

    >>> checked_step(3)
    3
    """
    problem = integer_problem("last_epoch", step, at_least=at_least)
    if problem is not None:
        raise ScheduleError("WarmbootLR", [problem])
    return int(step)  # type: ignore[call-overload, no-any-return]


def check_resumed(groups: Sequence[Mapping[str, Any]], last_epoch: int) -> None:
    """Refuse to go on at a step with groups whose lr may be any: what they began from is not known.

    Raises:
        ScheduleError: naming the first such group.
    """
    missing = [at for at, group in enumerate(groups) if "initial_lr" not in group]
    if last_epoch < 0 or not missing:
        return
    rule = (
        f"last_epoch is {last_epoch}, but param_groups[{missing[0]}] has no initial_lr, the lr that it began "
        "with: load the optimizer's state first, or leave last_epoch out and load this scheduler's own "
        'state, or where a checkpoint has neither load_state_dict({"last_epoch": steps_done})'
    )
    raise ScheduleError("WarmbootLR", [rule])


def identity(schedule: WarmbootSchedule) -> dict[str, Any]:
    """What decides the factors, and no more: lr doesn't, nor does how the peaks were written down."""
    warmup = "warmup" if schedule.warmup_steps is None else "warmup_steps"
    return {
        warmup: getattr(schedule, warmup),
        "restarts": list(schedule.restarts),
        "peaks": list(schedule.peaks()),
        "hold": schedule.hold,
        "eta_min": schedule.eta_min,
        "curve": {"name": schedule.curve.name, **schedule.curve.parameters()},
    }


def _no_state(state: object, keys: set[Any]) -> str:
    """What was given in place of a state, and how to go on where a checkpoint has none."""
    if not keys:
        what = f"is {show(state)}: the checkpoint holds no state of it"
    elif "param_groups" in keys:
        what = "is the state of an optimizer"
    elif "last_epoch" in keys and "retargets" not in keys:
        what = f"is the state of another scheduler, with {show(sorted(map(str, keys - set(_KEYS))))}"
    else:
        what = f"must have the keys {', '.join(_KEYS)} but has {show(sorted(map(str, keys)))}"
    return (
        f"{what}; load what scheduler.state_dict() gave. A training that was saved without it goes on by "
        'load_state_dict({"last_epoch": steps_done})'
    )


def _problems(state: Mapping[str, Any], schedule: WarmbootSchedule) -> list[str]:
    problem = integer_problem("last_epoch", state["last_epoch"], at_least=-1)
    problems = [] if problem is None else [problem]
    if "retargets" in state and not _are_pairs(state["retargets"]):
        rule = "retargets must be pairs of at_step and total_steps"
        problems.append(f"{rule} but got {show(state['retargets'])}")
    if "schedule" in state:
        problems += _base_lr_problems(state["base_lrs"])
        if not isinstance(state["in_charge"], bool):
            problems.append(f"in_charge must be true or false but got {show(state['in_charge'])}")
        problems += _other_schedule(state["schedule"], schedule)
    return problems


def _are_pairs(retargets: object) -> bool:
    return isinstance(retargets, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in retargets
    )


def _base_lr_problems(base_lrs: object) -> list[str]:
    if not isinstance(base_lrs, list | tuple):
        return [f"base_lrs must be a list but got {show(base_lrs)}"]
    problems = (number_problem(f"base_lrs[{at}]", lr) for at, lr in enumerate(base_lrs))
    return [problem for problem in problems if problem is not None]


def _other_schedule(text: object, schedule: WarmbootSchedule) -> list[str]:
    """How the schedule of the state differs from this one."""
    try:
        saved = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        saved = None
    if not isinstance(saved, dict):
        return [f"schedule must be the text that was saved but got {show(text)}"]
    here = identity(schedule)
    differing = [name for name in {**here, **saved} if here.get(name) != saved.get(name)]
    return [
        f"was taken with {name} {show(saved.get(name))}, but here it is {show(here.get(name))}; build it "
        "with the schedule of the run that goes on, or begin a new run"
        for name in differing
    ]


def _error(problems: Sequence[str]) -> ScheduleError:
    return ScheduleError("state of WarmbootLR", problems)
