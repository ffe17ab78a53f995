"""Trials that may be what ends their workers: each is trained alone, and given up once that shows.

Runs that train together share the fate of their process, so a worker that crashes says of each of them only
that it may have been the one. Who started the worker knows how it ended, and notes the crash on the study;
who takes its trials back notes on each which worker it was lost by. A kill from outside is no crash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial

from search.runs.trial_attributes import LOST_BY, kept

Crashed = Mapping[str, str]
"""Names of workers that crashed -> how."""
MOST_CRASHES = 3
"""Crashes after which a trial is given up."""
LEAST_ALONE = 2
"""So many of them while it was alone."""


def lost_by(trial: FrozenTrial, owner: str, n_held: int) -> list[list[str | int]]:
    """What is kept on a trial once another worker was lost with it.

    Args:
        trial: as it is stored.
        owner: the worker.
        n_held: how many trials it held.
    """
    before = [each for each in kept(trial, LOST_BY, []) if each[0] != owner]
    return [*before, [owner, n_held]]


def is_suspect(trial: FrozenTrial, crashed: Crashed) -> bool:
    """Whether a worker crashed that held it."""
    return any(owner in crashed for owner, _ in kept(trial, LOST_BY, []))


def why_given_up(trial: FrozenTrial, crashed: Crashed) -> str | None:
    """Why it is not tried again; None where it may be."""
    crashes = [(crashed[owner], held) for owner, held in kept(trial, LOST_BY, []) if owner in crashed]
    alone = sum(held == 1 for _, held in crashes)
    if len(crashes) < MOST_CRASHES or alone < LEAST_ALONE:
        return None
    how = ", ".join(dict.fromkeys(how for how, _ in crashes))
    return f"its worker was lost {len(crashes)} times ({how}), {alone} times with nothing else in it"


def may_begin(
    waiting: Sequence[FrozenTrial], mine: Sequence[FrozenTrial], crashed: Crashed, count: int
) -> Sequence[FrozenTrial]:
    """Those of the trials that wait which a worker may begin now.

    Args:
        waiting: all that wait.
        mine: those that it trains.
        crashed: workers that crashed.
        count: how many it wants at most.
    """
    if not crashed:
        return waiting[:count]
    if any(is_suspect(trial, crashed) for trial in mine):
        return []  # it trains alone
    others = [trial for trial in waiting if not is_suspect(trial, crashed)]
    if others or mine:  # a suspect waits until nothing else is in training here
        return others[:count]
    return waiting[: min(count, 1)]
