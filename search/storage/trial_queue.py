"""The one way in which trials are asked for and told, for any number of processes on one study.

Asking runs under the database's lock: sweep, count, ask, lease. So the total is exact however many ask at
once, and a trial whose worker is gone is taken up again under its own number, with its parameters and
reports. A plan that takes long is made by one process at a time too, but under a lease instead of the lock:
who stands still in it must not stop all others.
Telling needs no lock: the first tell wins, and "somebody else has finished this trial" is a normal outcome.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search.runs.trial_attributes import FAILURE, SCHEDULE_KEY, SEED_INDEX
from search.storage.begun_trials import BegunTrials
from search.storage.job_claims import claim_job
from search.storage.leases import CONFIRMATION, PLANNING, Lease, Leases, is_mine, this_owner
from search.storage.lost_trials import LostTrials, is_held
from search.storage.planned_trial import RunningTrial, keep
from search.storage.plans import WAIT, NextTrial, Plan, Planned, StopSearch, Wait
from search.storage.seed_claims import SeedClaims
from search.storage.study_attributes import CONTROL
from search.storage.study_record import StudyRecord
from search.storage.told_trials import ToldTrials
from search.storage.trial_notes import failure_note, keep_trial_note
from search.storage.trials_reader import TrialsReader

MAX_ATTEMPTS = 3
PLANNING_WAIT_SECONDS = 10.0
"""How long somebody who asks waits for another who plans, before he does something else."""
PLANNING_WAIT_BESIDE_TRIALS_SECONDS = 1.0
"""The same for who has trials in training, whose results have to be taken in."""
PLANNING_LOOK_SECONDS = 0.2
"""How often he looks, each at another moment; in a file, each look keeps others from writing."""


class TrialQueue:
    """Asks for and finishes the trials of one study on behalf of this process.

    Args:
        record: the study.
        sampler: proposes parameters.
        plan: what to train next; called in one process at a time.
        pruner: of Optuna's; None prunes nothing.
        most_attempts: how often a trial is begun, counting only workers that disappeared in it.
    """

    def __init__(
        self,
        record: StudyRecord,
        sampler: optuna.samplers.BaseSampler,
        plan: Plan,
        pruner: optuna.pruners.BasePruner | None = None,
        *,
        most_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self._record = record
        self._database = record.database
        self._study = record.load(sampler, pruner)
        self._plan = plan
        self._plans_long = bool(getattr(plan, "takes_long", False))
        self._leases = Leases(record.database.engine, record.study_id, this_owner())
        self._claims = SeedClaims(record.database.engine, record.study_id)
        self._told = ToldTrials(record, self._study, self._leases)
        self._lost = LostTrials(record.database, self._told, most_attempts)
        self._is_ready = False
        self._reader = TrialsReader(record.database.engine, record.study_id)
        self._begun = BegunTrials(record, self._study, self._leases, self._told)

    @property
    def study(self) -> optuna.Study:
        return self._study

    def next(self) -> RunningTrial | None:
        """The next trial, leased to this process; None where there is none to begin at present."""
        return next(iter(self.take(1)), None)

    def take(self, count: int) -> list[RunningTrial]:
        """Up to `count` trials to begin, leased to this process; none where there are none at present."""
        self._begun.forget()
        began = time.monotonic()
        found = self._database.locked(lambda: self._take_up(count))
        while isinstance(found, Wait):
            if not self._others_have_planned(began):
                return []
            found = self._database.locked(lambda: self._take_up(count, beside_others=True))
        return self._planned(found.trials, count) if isinstance(found, _Turn) else found

    def plan_ahead(self) -> None:
        """Plan the next trials while the last ones still train, where all that a plan must know is in and
        nobody else plans."""
        if not self._is_ready:
            return

        def my_turn() -> _Turn | None:
            trials, attributes = self.all(), self._record.attributes
            may_start = not attributes.is_stopped and attributes.limit.may_start(trials, self._record.now())
            return self._turn(trials) if may_start and self._plan_is_ready(trials) else None

        self._begun.forget()
        if (turn := self._database.locked(my_turn)) is not None:
            self._planned(turn.trials, 0)

    def claim_seed(self, trial: RunningTrial, schedule_key: str) -> int:
        """The seed a trial was planned with; else the first of its schedule that no other trial has."""
        if SEED_INDEX in trial.user_attrs:
            return int(trial.user_attrs[SEED_INDEX])
        seed = self._database.patiently(lambda: self._claims.claim(schedule_key, trial.number))
        keep(trial, SCHEDULE_KEY, schedule_key)
        keep(trial, SEED_INDEX, seed)
        return seed

    def stored(self, number: int) -> FrozenTrial:
        """The trial as the database has it."""
        return self._told.stored(number)

    def completed(self) -> list[FrozenTrial]:
        """The complete trials of the study."""
        return [trial for trial in self.all() if trial.state == TrialState.COMPLETE]

    def all(self) -> list[FrozenTrial]:
        """All trials of the study; not to be changed."""
        if not self._told.in_bulk:
            return self._study.get_trials(deepcopy=False)
        return self._database.patiently(self._reader.read)

    def report(self, trial: RunningTrial, step: int, value: float) -> None:
        """Report an intermediate value; nothing happens where the trial is finished elsewhere."""
        self._told.report(trial, step, value)

    def together(self) -> AbstractContextManager[None]:
        """Inside, what is told is kept, and written together at the end."""
        return self._told.together()

    def complete(
        self,
        trial: RunningTrial,
        value: float,
        attributes: Mapping[str, Any],
        marks: Mapping[str, Any] | None = None,
    ) -> bool:
        """Tell a result; `marks` are system attributes of the trial. Returns False where another worker told
        this trial first."""
        return self._told.end(trial.number, TrialState.COMPLETE, value, attributes, marks)

    def prune(
        self, number: int, attributes: Mapping[str, Any], marks: Mapping[str, Any] | None = None
    ) -> bool:
        """End a trial before its full horizon; what it reported last stays. Returns False where another
        worker told this trial first."""
        return self._told.end(number, TrialState.PRUNED, None, attributes, marks)

    def fail(self, number: int, reason: str) -> bool:
        """Fail a trial and keep the reason with it, for people in a note; not to be called under the lock,
        since the first note of a process takes a while."""
        failed = self._told.end(number, TrialState.FAIL, None, {FAILURE: reason})
        if failed:
            keep_trial_note(self._study, self._told.trial_id(number), failure_note(reason))
        return failed

    def hand_back(self, number: int, reason: str | None = None) -> None:
        """Return a trial that this process will not finish; it costs no attempt. Not where another has it.

        `reason`: why it failed here, kept with it until it is finished.
        """
        self._told.flush()  # what it has reported goes with it
        mine = self._database.patiently(self._leases.all).get(number)
        if mine is None or not is_mine(mine):
            return

        def give_up() -> None:
            if not is_mine(self._leases.all().get(number)):
                return
            # As it was before this call, however often this is tried.
            self._leases.give_up(number, attempts=mine.attempts - 1)
            if self.stored(number).state == TrialState.RUNNING:
                if reason is not None:
                    self._database.storage.set_trial_user_attr(self._told.trial_id(number), FAILURE, reason)
                self._set_state(number, TrialState.WAITING)

        if reason is not None:
            keep_trial_note(self._study, self._told.trial_id(number), failure_note(reason))
        self._database.locked(give_up)

    def given_up(self) -> dict[int, str]:
        """Trials given up here since this was asked last, number -> why."""
        return self._lost.take_given_up()

    def renew(self) -> None:
        """Extend the leases of everything this process holds."""
        self._database.patiently(self._leases.renew)

    def claim_confirmation(self) -> bool:
        """Whether this process is the one to confirm the study's best schedules."""
        return claim_job(self._database, self._leases, CONFIRMATION)

    def release_confirmation(self) -> None:
        self._database.patiently(lambda: self._leases.release(CONFIRMATION))

    def _take_up(self, count: int, *, beside_others: bool = False) -> list[RunningTrial] | _Turn | Wait:
        """Under the lock: trials that wait, or this process's turn to plan more; `WAIT` where another has
        the turn."""
        attributes = self._record.attributes
        leases = self._leases.all()  # before the trials: telling needs no lock
        # All who wait notice that the turn is free, and one has it. Were the others to keep the lock for so
        # long as reading all trials takes, many workers would be slower than few.
        if beside_others and is_held(leases.get(PLANNING), self._database):
            return WAIT
        if is_mine(leases.get(PLANNING)):  # of an earlier try, while the database was away
            self._leases.release(PLANNING)
        trials = self.all()
        if self._lost.take_back(trials, leases):
            trials = self.all()
        if self._lost.give_up(trials, attributes.crashed):
            trials = self.all()
        taken = self._begun.held(leases)
        if taken or attributes.is_stopped:
            return taken
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
        self._is_ready = self._plan_is_ready(trials)
        if waiting:
            return self._begun.take_up(trials, leases, attributes, count)
        if not attributes.limit.may_start(trials, self._record.now()):
            return []
        if not self._plans_long:
            return self._act_on(self._plan(trials), leases, len(trials), count)
        return self._turn(trials) or WAIT

    def _plan_is_ready(self, trials: Sequence[FrozenTrial]) -> bool:
        is_ready = getattr(self._plan, "is_ready", None)
        return is_ready is not None and bool(is_ready(trials))

    def _turn(self, trials: Sequence[FrozenTrial]) -> _Turn | None:
        return _Turn(trials) if self._leases.claim(PLANNING, forgiving=self._database.just_back) else None

    def _others_have_planned(self, began: float) -> bool:
        """Wait for it, since `began` and without the lock: who plans needs that to end."""
        while not self._database.patience.stop.wait(PLANNING_LOOK_SECONDS * random.uniform(0.5, 1.5)):
            leases = self._database.patiently(self._leases.all)
            if not is_held(leases.get(PLANNING), self._database):
                return True
            trains = any(number >= 0 and is_mine(lease) for number, lease in leases.items())
            wait_seconds = PLANNING_WAIT_BESIDE_TRIALS_SECONDS if trains else PLANNING_WAIT_SECONDS
            if time.monotonic() - began >= wait_seconds:
                break
        return False

    def _planned(self, trials: Sequence[FrozenTrial], count: int) -> list[RunningTrial]:
        """Work out what is next, and begin it."""
        try:
            with self._leases.kept():  # of what trains here, too
                planned = self._plan(trials)
        except BaseException:
            self._database.patiently(lambda: self._leases.release(PLANNING))
            raise
        return self._database.locked(lambda: self._keep_plan(planned, len(trials), count))

    def _keep_plan(self, planned: Planned, n_known: int, count: int) -> list[RunningTrial]:
        """Under the lock: what was planned on so many trials, unless another has taken over meanwhile."""
        leases = self._leases.all()
        begun = self._begun.held(leases)
        # Only who has the turn adds trials: more of them are these, made before the database went away and
        # not leased yet. Whoever asks next takes them up; planned again, they would be too many.
        turn_is_mine = is_mine(leases.get(PLANNING))
        if not begun and turn_is_mine and len(self.all()) == n_known:
            begun = self._act_on(planned, leases, n_known, count)
        self._leases.release(PLANNING)
        return begun

    def _act_on(
        self, planned: Planned, leases: Mapping[int, Lease], n_known: int, count: int
    ) -> list[RunningTrial]:
        """Under the lock: write what was planned and begin of it; or note that no more is worth it."""
        attributes = self._record.attributes
        if isinstance(planned, StopSearch):
            self._record.set_attribute(CONTROL, {**attributes[CONTROL], "plateau": planned.why})
        if isinstance(planned, Wait | StopSearch) or attributes.is_stopped:
            return []
        if planned is None:
            return [self._begun.ask(leases, attributes.limit)]
        self._begun.write([planned] if isinstance(planned, NextTrial) else planned, n_known)
        return self._begun.take_up(self.all(), leases, attributes, count) if count else []

    def _set_state(self, number: int, state: TrialState) -> None:
        self._database.storage.set_trial_state_values(self._told.trial_id(number), state)


@dataclass(frozen=True)
class _Turn:
    """This process's turn to plan, knowing all trials."""

    trials: Sequence[FrozenTrial]
