"""Trials whose worker is gone: put back for others, or given up after too many of them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from search.runs.trial_attributes import FAILURE, LOST
from search.spec.budget import came_further
from search.spec.training_spans import ended_unseen
from search.storage.database import Database
from search.storage.leases import Lease
from search.storage.told_trials import ToldTrials


class LostTrials:
    """Looks after one study's.

    Args:
        database: where it is.
        told: what is told of its trials.
        most_attempts: how often a trial is begun, counting only workers that disappeared in it before it had
            come further than the last time.
    """

    def __init__(self, database: Database, told: ToldTrials, most_attempts: int) -> None:
        self._database, self._told, self._most_attempts = database, told, most_attempts

    def take_back(self, trials: Sequence[FrozenTrial], leases: Mapping[int, Lease]) -> bool:
        """Put every RUNNING trial without a live lease back; idempotent, so a crash in it is harmless.

        Returns whether there was any.
        """
        running = [t for t in trials if t.state == TrialState.RUNNING]
        lost = [t for t in running if not is_held(leases.get(t.number), self._database)]
        for trial in lost:
            lease = leases.get(trial.number)
            if lease is not None and lease.attempts >= self._most_attempts and not came_further(trial):
                reason = f"its worker disappeared {lease.attempts} times; not tried again."
                attributes = {FAILURE: reason, LOST: lease.attempts, **ended_unseen(trial)}
                self._told.end(trial.number, TrialState.FAIL, None, attributes)
                continue
            with contextlib.suppress(UpdateFinishedTrialError):  # told at the last moment
                self._database.storage.set_trial_state_values(
                    self._told.trial_id(trial.number), TrialState.WAITING
                )
        return bool(lost)


def is_held(lease: Lease | None, database: Database) -> bool:
    """Whether a worker trains under this lease; where none could renew, all get time to."""
    return lease is not None and lease.held(forgiving=database.just_back)
