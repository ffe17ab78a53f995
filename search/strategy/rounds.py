"""Rounds: trials are proposed several at once, from results that are the same for everybody.

A proposal that depends on whichever results happen to be in makes every study another one, and has to be
made anew for every trial. So a study proposes `size` trials at a time, and a round whose first trial is
number `t` knows the results of the trials below `t - delay` and of no other; what was proposed since counts
as in training, though it may have ended. The delay covers what is in training and the round that waits, so
that nobody has to wait for a proposal. Where that knowledge allows no proposal (the lr sweep has to end
first), all that was proposed is waited for.

With runs that are equal bit for bit wherever they train, a study is the same study every time: with any
number of workers, after any number of interruptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from optuna.trial import FrozenTrial, TrialState, create_trial

from search.runs.trial_attributes import ASKED_FOR, PREFIX, in_sight, is_kept, kept, out_of_sight
from search.spec.rounds import Rounds


def knowledge(trials: Sequence[FrozenTrial], rounds: Rounds) -> Iterator[list[FrozenTrial]]:
    """The trials as the next round may know them: with the results of those below the delay and, where that
    allows no proposal, with all results; nothing as long as what it must know has not ended.

    Args:
        trials: all of the study, in the order of their numbers.
        rounds: of the study.
    """
    for boundary in (_boundary(trials, rounds), len(trials)):
        known = known_below(trials, boundary)
        if known is None:
            return
        yield known


def can_be_planned(trials: Sequence[FrozenTrial], rounds: Rounds) -> bool:
    """Whether `knowledge` has anything: all that the next round must know has ended."""
    return _have_ended(trials[: _boundary(trials, rounds)])


def known_below(trials: Sequence[FrozenTrial], boundary: int) -> list[FrozenTrial] | None:
    """The trials below a number with all that is known of them, the others as if they were in training; None
    where one of those below has not ended."""
    below, others = trials[:boundary], trials[boundary:]
    if not _have_ended(below):
        return None
    return [*below, *map(_in_training, others)]


def _boundary(trials: Sequence[FrozenTrial], rounds: Rounds) -> int:
    return max(0, len(trials) - rounds.delay)


def _have_ended(trials: Sequence[FrozenTrial]) -> bool:
    return all(trial.state.is_finished() for trial in trials)


def _in_training(trial: FrozenTrial) -> FrozenTrial:
    if trial.state == TrialState.RUNNING and not trial.intermediate_values:
        return trial
    asked = {key: kept(trial, key) for key in ASKED_FOR if is_kept(trial, key)}
    samplers = {key: value for key, value in trial.system_attrs.items() if not key.startswith(PREFIX)}
    masked = create_trial(
        state=TrialState.RUNNING,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=in_sight(asked),
        system_attrs={**samplers, **out_of_sight(asked)},
    )
    masked.number = trial.number
    return masked
