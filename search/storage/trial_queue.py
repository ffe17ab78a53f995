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

from search.storage.leases import CONFIRMATION, PLANNING, Lease, Leases, this_owner
from search.storage.plans import WAIT, Enough, Plan, Planned, Wait
from search.storage.seed_claims import SeedClaims
from search.storage.study_record import StudyRecord
from search.storage.trial_notes import failure_note, keep_trial_note
from search.training_spans import SPAN, ended
from search.trial_limit import FAILURE, HELD, LOST, REPORTED_BEFORE, TrialLimit, reported_steps

MAX_ATTEMPTS = 3
PLANNING_WAIT_SECONDS = 10.0
"""How long somebody who asks waits for another who plans, before he does something else."""
PLANNING_LOOK_SECONDS = 0.02


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
        until = time.monotonic() + PLANNING_WAIT_SECONDS
        found = self._database.locked(self._take_up)
        while isinstance(found, Wait):
            if not self._others_have_planned(until):
                return None
            found = self._database.locked(self._take_up)
        return self._planned(found) if isinstance(found, list) else found

    def claim_seed(self, trial: optuna.Trial, schedule_key: str) -> int:
        """The first seed of a schedule that no other trial has; a trial taken up again keeps its own."""
        seed = self._database.patiently(lambda: self._claims.claim(schedule_key, trial.number))
        trial.set_user_attr("schedule_key", schedule_key)
        trial.set_user_attr("seed", seed)
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

        `reason`: why it failed here, kept with it until it is finished.
        """

        def give_up() -> None:
            lease = self._leases.all().get(number)
            if lease is None or not _is_mine(lease):
                return
            self._leases.give_up(number, attempts=lease.attempts - 1)
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
        tried = False

        def claim() -> bool:
            nonlocal tried
            lease = self._leases.all().get(CONFIRMATION)
            if lease is not None and lease.live and not (tried and _is_mine(lease)):
                return False
            tried = True  # it may be taken though the database was away before it could say so
            self._leases.take(CONFIRMATION, attempts=1)
            return True

        return self._database.locked(claim)

    def release_confirmation(self) -> None:
        self._database.patiently(lambda: self._leases.release(CONFIRMATION))

    def _take_up(self) -> optuna.Trial | list[FrozenTrial] | Wait | None:
        """Under the lock: a trial that waits, or all trials where it is this process's turn to plan one;
        `WAIT` where another has the turn."""
        control = self._record.attributes["control"]
        # Leases before trials: telling needs no lock, and whoever finishes in between has no lease left
        # but must not look RUNNING.
        leases = self._leases.all()
        if self._asked is not None and _is_mine(leases.get(self._asked.number)):
            return self._asked
        trials = self._study.get_trials(deepcopy=False)
        handed_back = self._sweep(trials, leases)
        if control["stop"]:
            return None
        if handed_back or any(t.state == TrialState.WAITING for t in trials):
            return self._ask(leases, control, trials)
        if not TrialLimit.from_control(control).may_start(trials, self._record.now()):
            return None
        if not self._plans_long:
            return self._act_on(self._plan(trials), leases)
        planner = leases.get(PLANNING)
        if planner is not None and planner.live and not _is_mine(planner):
            return WAIT
        self._leases.take(PLANNING, attempts=1)
        return trials

    def _others_have_planned(self, until: float) -> bool:
        """Wait for it, without the lock: who plans needs that to end."""
        while time.monotonic() < until:
            if self._database.patience.stop.wait(PLANNING_LOOK_SECONDS):
                return False
            planner = self._database.patiently(self._leases.all).get(PLANNING)
            if planner is None or not planner.live:
                return True
        return False

    def _planned(self, trials: Sequence[FrozenTrial]) -> optuna.Trial | None:
        """Work out the next trial, and begin it."""
        try:
            planned = self._plan(trials)
        except BaseException:
            self._database.patiently(lambda: self._leases.release(PLANNING))
            raise
        return self._database.locked(lambda: self._begin(planned))

    def _begin(self, planned: Planned | Wait | Enough | None) -> optuna.Trial | None:
        """Under the lock: what was planned, unless another has taken over the planning meanwhile."""
        leases = self._leases.all()
        if self._asked is not None and _is_mine(leases.get(self._asked.number)):
            return self._asked
        if not _is_mine(leases.get(PLANNING)):
            return None
        trial = self._act_on(planned, leases)
        self._leases.release(PLANNING)
        return trial

    def _act_on(
        self, planned: Planned | Wait | Enough | None, leases: Mapping[int, Lease]
    ) -> optuna.Trial | None:
        """Under the lock: begin what was planned, or note that no more is worth it."""
        control = self._record.attributes["control"]
        if isinstance(planned, Enough):
            self._record.set_attribute("control", {**control, "plateau": planned.why})
        if isinstance(planned, Wait | Enough) or control["stop"]:
            return None
        if planned is not None:
            self._study.enqueue_trial(dict(planned.params), user_attrs=dict(planned.user_attrs))
        return self._ask(leases, control)

    def _ask(
        self, leases: Mapping[int, Lease], control: Mapping[str, Any], trials: Sequence[FrozenTrial] = ()
    ) -> optuna.Trial:
        """Under the lock: Optuna's next trial, leased; `trials` are those that it may take up again."""
        # Where the database goes away before it could say that the lease is taken, it is this trial again.
        trial = self._asked = self._study.ask()
        if trial.user_attrs.get(HELD):
            trial.set_user_attr(HELD, False)
        before = leases.get(trial.number)
        if TrialLimit.from_control(control).budget_seconds is not None:
            trial.set_user_attr(SPAN, self._record.now().begun())
        self._leases.take(trial.number, attempts=1 + (before.attempts if before else 0))
        reported = max((reported_steps(t) for t in trials if t.number == trial.number), default=0)
        if reported:
            trial.set_user_attr(REPORTED_BEFORE, reported)
        return trial

    def _sweep(self, trials: Sequence[FrozenTrial], leases: Mapping[int, Lease]) -> bool:
        """Put every RUNNING trial without a live lease back; idempotent, so a crash in it is harmless.

        Returns whether any was put back.
        """
        running = [t for t in trials if t.state == TrialState.RUNNING]
        lost = [t for t in running if not self._is_held(leases.get(t.number))]
        handed_back = False
        for trial in lost:
            lease = leases.get(trial.number)
            if lease is not None and lease.attempts >= MAX_ATTEMPTS:
                reason = f"its worker disappeared {lease.attempts} times; not tried again."
                self._finish(trial.number, TrialState.FAIL, None, {FAILURE: reason, LOST: lease.attempts})
                continue
            with contextlib.suppress(UpdateFinishedTrialError):  # told at the last moment
                self._set_state(trial.number, TrialState.WAITING)
                handed_back = True
        return handed_back

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
            for key, attribute in {**attributes, **ended(stored, self._record.now)}.items():
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
