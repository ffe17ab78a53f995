"""The one way in which trials are asked for and told, for any number of processes on one study.

Asking runs under the database's lock: sweep, count, ask, lease. So the total is exact however many ask at
once, and a trial whose worker is gone is taken up again under its own number, with its parameters and
reports. A plan that takes long is made by one process at a time too, but under a lease instead of the lock:
who stands still in it must not stop all others.
Telling needs no lock: the first tell wins, and "somebody else has finished this trial" is a normal outcome.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from search.runs.trial_attributes import (
    FAILURE,
    HELD,
    LOST,
    REPORTED_BEFORE,
    SCHEDULE_KEY,
    SEED_INDEX,
    TRAINED_SPAN,
)
from search.spec.budget import Budget, reported_steps
from search.spec.training_spans import ended, ended_unseen
from search.storage.job_claims import claim_job
from search.storage.leases import CONFIRMATION, PLANNING, Lease, Leases, this_owner
from search.storage.plans import WAIT, NextTrial, Plan, StopSearch, Wait
from search.storage.seed_claims import SeedClaims
from search.storage.study_attributes import CONTROL
from search.storage.study_record import StudyRecord
from search.storage.trial_notes import failure_note, keep_trial_note

MAX_ATTEMPTS = 3
PLANNING_WAIT_SECONDS = 10.0
"""How long somebody who asks waits for another who plans, before he does something else."""
PLANNING_WAIT_BESIDE_TRIALS_SECONDS = 1.0
"""The same for who has trials in training, whose results have to be taken in."""
PLANNING_LOOK_SECONDS = 0.2
"""How often he looks; in a file, each look keeps others from writing."""


class TrialQueue:
    """Asks for and finishes the trials of one study on behalf of this process.

    Args:
        record: the study.
        sampler: proposes parameters.
        plan: what to train next; called in one process at a time.
        pruner: of Optuna's; None prunes nothing.
    """

    def __init__(
        self,
        record: StudyRecord,
        sampler: optuna.samplers.BaseSampler,
        plan: Plan,
        pruner: optuna.pruners.BasePruner | None = None,
    ) -> None:
        self._record = record
        self._database = record.database
        self._study = record.load(sampler, pruner)
        self._plan = plan
        self._plans_long = bool(getattr(plan, "takes_long", False))
        self._leases = Leases(record.database.engine, record.study_id, this_owner())
        self._claims = SeedClaims(record.database.engine, record.study_id)
        self._asked: optuna.Trial | None = None

    @property
    def study(self) -> optuna.Study:
        return self._study

    def next(self) -> optuna.Trial | None:
        """The next trial, leased to this process; None where there is none to begin at present."""
        self._asked = None
        began = time.monotonic()
        found = self._database.locked(self._take_up)
        while isinstance(found, Wait):
            if not self._others_have_planned(began):
                return None
            found = self._database.locked(self._take_up)
        return self._planned(found) if isinstance(found, list) else found

    def claim_seed(self, trial: optuna.Trial, schedule_key: str) -> int:
        """The first seed of a schedule that no other trial has; a trial taken up again keeps its own."""
        seed = self._database.patiently(lambda: self._claims.claim(schedule_key, trial.number))
        trial.set_user_attr(SCHEDULE_KEY, schedule_key)
        trial.set_user_attr(SEED_INDEX, seed)
        return seed

    def stored(self, number: int) -> FrozenTrial:
        """The trial as the database has it."""
        return self._database.storage.get_trial(self._trial_id(number))

    def completed(self) -> list[FrozenTrial]:
        """The complete trials of the study."""
        return self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    def report(self, trial: optuna.Trial, step: int, value: float) -> None:
        """Report an intermediate value; nothing happens where the trial is finished elsewhere."""
        with contextlib.suppress(UpdateFinishedTrialError):
            trial.report(value, step)

    def complete(self, trial: optuna.Trial, value: float, attributes: Mapping[str, Any]) -> bool:
        """Tell a result. Returns False where another worker told this trial first."""
        return self._finish(trial.number, TrialState.COMPLETE, value, attributes)

    def prune(self, number: int, attributes: Mapping[str, Any]) -> bool:
        """End a trial before its full horizon; what it reported last stays. Returns False where another
        worker told this trial first."""
        return self._finish(number, TrialState.PRUNED, None, attributes)

    def fail(self, number: int, reason: str) -> bool:
        """Fail a trial and keep the reason with it, for people in a note; not to be called under the lock,
        since the first note of a process takes a while."""
        failed = self._finish(number, TrialState.FAIL, None, {FAILURE: reason})
        if failed:
            keep_trial_note(self._study, self._trial_id(number), failure_note(reason))
        return failed

    def hand_back(self, number: int, reason: str | None = None) -> None:
        """Return a trial that this process will not finish; it costs the trial no attempt.

        Nothing happens where another has it.

        `reason`: why it failed here, kept with it until it is finished.
        """
        mine = self._database.patiently(self._leases.all).get(number)
        if mine is None or not _is_mine(mine):
            return

        def give_up() -> None:
            if not _is_mine(self._leases.all().get(number)):
                return
            # As it was before this call, however often this is tried.
            self._leases.give_up(number, attempts=mine.attempts - 1)
            if self.stored(number).state == TrialState.RUNNING:
                if reason is not None:
                    self._database.storage.set_trial_user_attr(self._trial_id(number), FAILURE, reason)
                self._set_state(number, TrialState.WAITING)

        if reason is not None:
            keep_trial_note(self._study, self._trial_id(number), failure_note(reason))

        self._database.locked(give_up)

    def renew(self) -> None:
        """Extend the leases of everything this process holds."""
        self._database.patiently(self._leases.renew)

    def claim_confirmation(self) -> bool:
        """Whether this process is the one to confirm the study's best schedules."""
        return claim_job(self._database, self._leases, CONFIRMATION)

    def release_confirmation(self) -> None:
        self._database.patiently(lambda: self._leases.release(CONFIRMATION))

    def _take_up(self) -> optuna.Trial | list[FrozenTrial] | Wait | None:
        """Under the lock: a trial that waits, or all trials where it is this process's turn to plan one;
        `WAIT` where another has the turn."""
        attributes = self._record.attributes
        # Leases before trials: telling needs no lock, and whoever finishes in between has no lease left
        # but must not look RUNNING.
        leases = self._leases.all()
        if self._asked is not None and _is_mine(leases.get(self._asked.number)):
            return self._asked
        # A turn of an earlier try, which could not be given back while the database was away.
        if _is_mine(leases.get(PLANNING)):
            self._leases.release(PLANNING)
        trials = self._study.get_trials(deepcopy=False)
        if self._sweep(trials, leases):
            trials = self._study.get_trials(deepcopy=False)
        if attributes.is_stopped:
            return None
        if any(t.state == TrialState.WAITING for t in trials):
            return self._ask(leases, attributes.limit, trials)
        if not attributes.limit.may_start(trials, self._record.now()):
            return None
        if not self._plans_long:
            return self._act_on(self._plan(trials), leases)
        return trials if self._leases.claim(PLANNING, forgiving=self._database.just_back) else WAIT

    def _others_have_planned(self, began: float) -> bool:
        """Wait for it, since `began` and without the lock: who plans needs that to end."""
        while not self._database.patience.stop.wait(PLANNING_LOOK_SECONDS):
            leases = self._database.patiently(self._leases.all)
            if not self._is_held(leases.get(PLANNING)):
                return True
            trains = any(number >= 0 and _is_mine(lease) for number, lease in leases.items())
            wait_seconds = PLANNING_WAIT_BESIDE_TRIALS_SECONDS if trains else PLANNING_WAIT_SECONDS
            if time.monotonic() - began >= wait_seconds:
                break
        return False

    def _planned(self, trials: Sequence[FrozenTrial]) -> optuna.Trial | None:
        """Work out the next trial, and begin it."""
        try:
            with self._leases.kept():  # of what trains here, too
                planned = self._plan(trials)
        except BaseException:
            self._database.patiently(lambda: self._leases.release(PLANNING))
            raise
        return self._database.locked(lambda: self._begin(planned, len(trials)))

    def _begin(self, planned: NextTrial | Wait | StopSearch | None, n_known: int) -> optuna.Trial | None:
        """Under the lock: what was planned on so many trials, unless another has taken over meanwhile."""
        leases = self._leases.all()
        trial = None
        if self._asked is not None and _is_mine(leases.get(self._asked.number)):
            trial = self._asked
        # Only who has the turn adds trials: one more is this one, made before the database went away and
        # not leased yet. Whoever asks next takes it up; planned again, it would be one too many.
        elif _is_mine(leases.get(PLANNING)) and len(self._study.get_trials(deepcopy=False)) == n_known:
            trial = self._act_on(planned, leases)
        self._leases.release(PLANNING)
        return trial

    def _act_on(
        self, planned: NextTrial | Wait | StopSearch | None, leases: Mapping[int, Lease]
    ) -> optuna.Trial | None:
        """Under the lock: begin what was planned, or note that no more is worth it."""
        attributes = self._record.attributes
        if isinstance(planned, StopSearch):
            self._record.set_attribute(CONTROL, {**attributes[CONTROL], "plateau": planned.why})
        if isinstance(planned, Wait | StopSearch) or attributes.is_stopped:
            return None
        if planned is not None:
            self._study.enqueue_trial(dict(planned.params), user_attrs=dict(planned.user_attrs))
        return self._ask(leases, attributes.limit)

    def _ask(
        self, leases: Mapping[int, Lease], limit: Budget, trials: Sequence[FrozenTrial] = ()
    ) -> optuna.Trial:
        """Under the lock: Optuna's next trial, leased; `trials` are those that it may take up again."""
        # Where the database goes away before it could say that the lease is taken, it is this trial again.
        trial = self._asked = self._study.ask()
        if trial.user_attrs.get(HELD):
            trial.set_user_attr(HELD, False)
        before = leases.get(trial.number)
        if limit.budget_seconds is not None:
            trial.set_user_attr(TRAINED_SPAN, self._record.now().begun())
        reported = max((reported_steps(t) for t in trials if t.number == trial.number), default=0)
        if reported:
            trial.set_user_attr(REPORTED_BEFORE, reported)
        self._leases.take(trial.number, attempts=1 + (before.attempts if before else 0))
        return trial

    def _sweep(self, trials: Sequence[FrozenTrial], leases: Mapping[int, Lease]) -> bool:
        """Put every RUNNING trial without a live lease back; idempotent, so a crash in it is harmless.

        Returns whether there was any.
        """
        running = [t for t in trials if t.state == TrialState.RUNNING]
        lost = [t for t in running if not self._is_held(leases.get(t.number))]
        for trial in lost:
            lease = leases.get(trial.number)
            if lease is not None and lease.attempts >= MAX_ATTEMPTS:
                reason = f"its worker disappeared {lease.attempts} times; not tried again."
                attributes = {FAILURE: reason, LOST: lease.attempts, **ended_unseen(trial)}
                self._finish(trial.number, TrialState.FAIL, None, attributes)
                continue
            with contextlib.suppress(UpdateFinishedTrialError):  # told at the last moment
                self._set_state(trial.number, TrialState.WAITING)
        return bool(lost)

    def _is_held(self, lease: Lease | None) -> bool:
        """Whether somebody trains under this lease; where nobody could renew, all get time to."""
        return lease is not None and lease.held(forgiving=self._database.just_back)

    def _finish(
        self, number: int, state: TrialState, value: float | None, attributes: Mapping[str, Any]
    ) -> bool:
        storage, trial_id = self._database.storage, self._trial_id(number)
        stored = self.stored(number)
        if stored.state != TrialState.RUNNING:
            return False
        try:
            # Nothing can be set on a finished trial, so what belongs to it is written first.
            for key, attribute in {**ended(stored, self._record.now), **attributes}.items():
                storage.set_trial_user_attr(trial_id, key, attribute)
            self._study.tell(number, value, state=state)
        except (UpdateFinishedTrialError, ValueError):
            # Only "finished or waiting" is a normal end: the lease was lost to another worker.
            if self.stored(number).state == TrialState.RUNNING:
                raise
            return False
        self._database.patiently(lambda: self._leases.release(number))
        return True

    def _set_state(self, number: int, state: TrialState) -> None:
        self._database.storage.set_trial_state_values(self._trial_id(number), state)

    def _trial_id(self, number: int) -> int:
        storage = self._database.storage
        try:
            return storage.get_trial_id_from_study_id_trial_number(self._record.study_id, number)
        except KeyError as error:
            raise self._record.gone() from error


def _is_mine(lease: Lease | None) -> bool:
    return lease is not None and lease.owner == this_owner()
