"""Whether a trial's schedule is followed: what `attach` and `lr` gave, held to the steps that are reported.

A search ranks what it asked for. A result of something else (the script's own scheduler, a schedule stepped
once an epoch, an lr overwritten by other code) looks like any other and spoils the study, so it is refused
where it is reported, with what to change.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from warmboot.checkpoints import known_bytes
from warmboot.drift import TOLERATED_FRACTION, TOLERATED_STEPS
from warmboot.trial_files import TrialFile

_NEVER_TAKEN = (
    "step {step} is reported, but nothing here has taken the trial's schedule, so what trained is something "
    "else. Use the scheduler that warmboot.attach(optimizer, total_steps) gives instead of your own (without "
    "torch the lr that warmboot.lr(own_lr, total_steps) gives; in a function the schedule it is called with)."
)


class Follower(Protocol):
    """Something in this process that follows the schedule."""

    def steps(self) -> int | None:
        """How many of its steps are done; None where that can't be known."""

    def trouble(self) -> str | None:
        """Why its lr is not what trains, as a sentence; None where nothing speaks for that."""

    @property
    def how(self) -> str:
        """What to do for each step, as a sentence."""

    @property
    def how_to_go_on(self) -> str:
        """What a training that goes on from a checkpoint has to do, as a sentence."""


@dataclass
class _Following:
    """Of one trial; the process of a function trains one after the other."""

    reports: Path
    followers: list[Follower] = field(default_factory=list)
    ended: bool = False
    """A report of the whole training was accepted: the trial has its result."""


_latest = _Following(Path())


def follow(trial: TrialFile, follower: Follower) -> None:
    """Note that the trial's schedule was taken, and by whom; `problem_of` asks it."""
    trial.taken.touch()
    _of(trial).followers.append(follower)


def problem_of(trial: TrialFile, step: int) -> str | None:
    """Why a report after `step` steps is none of the trial's schedule; None where it may be one.

    One follower of several that keeps pace is enough. What another process of the script has taken is not
    held to the steps. Once a whole training was reported nothing is asked.
    """
    if step == 0 or _of(trial).ended:
        return None
    if not trial.taken.exists():
        return _NEVER_TAKEN.format(step=step)
    problems = [_problem(follower, step, trial) for follower in _of(trial).followers]
    return None if None in problems or not problems else problems[-1]


def reported(trial: TrialFile, step: int) -> None:
    """Note an accepted report."""
    if step >= least_last_step(trial.total_steps):
        _of(trial).ended = True


def least_last_step(total_steps: int) -> int:
    """The least step whose report can be that of a whole training.

    >>> least_last_step(100), least_last_step(3)
    (95, 2)
    """
    return total_steps - max(1, int(TOLERATED_FRACTION * total_steps))


def tolerated_steps(step: int, total_steps: int) -> float:
    """How far a schedule may be from the steps that are reported: a GradScaler skips a few.

    >>> tolerated_steps(100, 100), tolerated_steps(4, 4)
    (21.0, 1.2)
    """
    return min(TOLERATED_STEPS, max(1, total_steps // 4)) + TOLERATED_FRACTION * step


def _problem(follower: Follower, step: int, trial: TrialFile) -> str | None:
    steps = follower.steps()
    if steps is not None and abs(step - steps) > tolerated_steps(step, trial.total_steps):
        if steps < step and known_bytes(trial):  # its steps agreed with its reports until it was interrupted
            return (
                f"step {step} of a training that goes on from a checkpoint, but its scheduler has begun anew "
                f"and is at step {steps}: its state is missing from the checkpoint, or was not loaded. "
                f"{follower.how_to_go_on}."
            )
        return (
            f"step {step}, but the trial's schedule was followed for {steps} steps. {follower.how}, and "
            "report in the same steps: not in epochs or batches."
        )
    return follower.trouble()


def _of(trial: TrialFile) -> _Following:
    global _latest
    if _latest.reports != trial.reports:
        _latest = _Following(trial.reports)
    return _latest
