"""Trials whose worker is gone: put back for others, or given up after too many of them."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from search.runs.trial_attributes import FAILURE, LOST, LOST_BY, PREFIX, kept
from search.spec.budget import came_further
from search.spec.training_spans import ended_unseen
from search.storage.database import Database
from search.storage.leases import Lease
from search.storage.suspects import Crashed, lost_by, why_given_up
from search.storage.told_trials import ToldTrials


class LostTrials:
    """Looks after one study's; every method is called under the lock.

    Args:
        database: where it is.
        told: what is told of its trials.
        most_attempts: how often a trial is begun, counting only workers that disappeared in it before it had
            come further than the last time.
    """

    def __init__(self, database: Database, told: ToldTrials, most_attempts: int) -> None:
        self._database, self._told, self._most_attempts = database, told, most_attempts
        self._given_up: dict[int, str] = {}

    def take_back(self, trials: Sequence[FrozenTrial], leases: Mapping[int, Lease]) -> bool:
        """Put every RUNNING trial without a live lease back; idempotent, so a crash in it is harmless.

        Returns whether there was any.
        """
        running = [t for t in trials if t.state == TrialState.RUNNING]
        lost = [t for t in running if not is_held(leases.get(t.number), self._database)]
        held = Counter(leases[trial.number].owner for trial in lost if trial.number in leases)
        for trial in lost:
            lease = leases.get(trial.number)
            if lease is not None and lease.attempts >= self._most_attempts and not came_further(trial):
                self._give_up(trial, f"its worker disappeared {lease.attempts} times", lease.attempts)
                continue
            with contextlib.suppress(UpdateFinishedTrialError):  # told at the last moment
                if lease is not None:
                    self._mark(trial, lease.owner, held[lease.owner])
                self._set_state(trial, TrialState.WAITING)
        return bool(lost)

    def give_up(self, trials: Sequence[FrozenTrial], crashed: Crashed) -> bool:
        """Fail what waits and has shown that it is what ends its workers. Returns whether there was any."""
        found = [t for t in trials if t.state == TrialState.WAITING and crashed]
        reasons = {t.number: why_given_up(t, crashed) for t in found if not came_further(t)}
        for trial in found:
            reason = reasons.get(trial.number)
            if reason is not None:
                self._set_state(trial, TrialState.RUNNING)  # what waits can't be ended
                self._give_up(trial, reason, len(kept(trial, LOST_BY, [])))
        return any(reasons.values())

    def take_given_up(self) -> dict[int, str]:
        """Trials that were given up here since this was asked last, number -> why."""
        found, self._given_up = self._given_up, {}
        return found

    def _give_up(self, trial: FrozenTrial, why: str, times: int) -> None:
        reason = f"{why}; not tried again."
        attributes = {FAILURE: reason, LOST: times, **ended_unseen(trial)}
        if self._told.end(trial.number, TrialState.FAIL, None, attributes):
            self._given_up[trial.number] = reason

    def _mark(self, trial: FrozenTrial, owner: str, n_held: int) -> None:
        trial_id, workers = self._told.trial_id(trial.number), lost_by(trial, owner, n_held)
        self._database.storage.set_trial_system_attr(trial_id, PREFIX + LOST_BY, workers)

    def _set_state(self, trial: FrozenTrial, state: TrialState) -> None:
        self._database.storage.set_trial_state_values(self._told.trial_id(trial.number), state)


def is_held(lease: Lease | None, database: Database) -> bool:
    """Whether a worker trains under this lease; where none could renew, all get time to."""
    return lease is not None and lease.held(forgiving=database.just_back)
