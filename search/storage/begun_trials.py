"""Trials that begin: written as they were planned, then let run under a lease of this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import optuna
from optuna.pruners import NopPruner
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.runs.trial_attributes import HELD, KNOWN_BELOW, REPORTED_BEFORE, TRAINED_SPAN, is_kept
from search.spec.budget import Budget, came_further, reported_steps
from search.storage.leases import Lease, Leases, is_mine
from search.storage.optuna_rows import add_trials, start_trials
from search.storage.planned_trial import PlannedTrial, RunningTrial, is_planned_whole, keep, kept_on
from search.storage.plans import NextTrial
from search.storage.study_attributes import StudyAttributes
from search.storage.study_record import StudyRecord
from search.storage.suspects import may_begin
from search.storage.told_trials import ToldTrials


class BegunTrials:
    """Begins trials of one study; every method is called under the lock.

    Args:
        record: the study.
        study: Optuna's, as this process opened it.
        leases: of this process.
        told: what is told of them.
    """

    def __init__(self, record: StudyRecord, study: optuna.Study, leases: Leases, told: ToldTrials) -> None:
        self._record, self._database, self._study = record, record.database, study
        self._leases, self._told = leases, told
        self._taken: dict[int, RunningTrial] = {}

    def forget(self) -> None:
        """Whatever was begun has been handed on: another call begins."""
        self._taken = {}

    def held(self, leases: Mapping[int, Lease]) -> list[RunningTrial]:
        """What an earlier try of the same call has begun, where the database went away before it could say
        so."""
        return [trial for number, trial in self._taken.items() if is_mine(leases.get(number))]

    def write(self, planned: Sequence[NextTrial], n_known: int) -> None:
        """Under the lock: append trials, WAITING; in one transaction where they have their distributions."""
        if not self._told.in_bulk or not all(trial.distributions for trial in planned):
            for trial in planned:
                self._study.add_trial(_waiting(trial))
            return
        with self._database.engine.begin() as connection:
            add_trials(connection, self._record.study_id, n_known, planned)

    def take_up(
        self,
        trials: Sequence[FrozenTrial],
        leases: Mapping[int, Lease],
        attributes: StudyAttributes,
        count: int,
    ) -> list[RunningTrial]:
        """Under the lock: let up to `count` of those that wait run, leased, as far as this process may begin
        them now."""
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
        running = [trial for trial in trials if trial.state == TrialState.RUNNING]
        mine = [trial for trial in running if is_mine(leases.get(trial.number))]
        begin = may_begin(waiting, mine, attributes.crashed, count)
        return self.begin(begin, leases, attributes.limit) if begin else []

    def begin(
        self, waiting: Sequence[FrozenTrial], leases: Mapping[int, Lease], limit: Budget
    ) -> list[RunningTrial]:
        """Under the lock: let trials that wait run, leased."""
        if not self._told.in_bulk:
            return [self.ask(leases, limit, [trial]) for trial in waiting]
        with self._database.engine.begin() as connection:
            ids = start_trials(connection, self._record.study_id, [trial.number for trial in waiting])
        known = {trial.number: trial for trial in waiting}
        if not all(map(self._needs_nothing_read, waiting)):
            self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))  # or its cache knows of none
        begun = {number: self._running(known[number], trial_id) for number, trial_id in ids.items()}
        # Where the database goes away before it could say that they are leased, it is these again.
        self._taken = dict(sorted(begun.items()))
        for number, trial in self._taken.items():
            self._note_begin(trial, limit, reported_steps(known[number]))
        if begun:
            self._leases.take_all({number: _attempt(leases.get(number), known[number]) for number in begun})
        return list(self._taken.values())

    def _running(self, frozen: FrozenTrial, trial_id: int) -> RunningTrial:
        if self._needs_nothing_read(frozen):
            return PlannedTrial(frozen, trial_id, self._database.storage)
        return optuna.Trial(self._study, trial_id)

    def _needs_nothing_read(self, frozen: FrozenTrial) -> bool:
        judged_by_what_is_in = not (is_kept(frozen, KNOWN_BELOW) or isinstance(self._study.pruner, NopPruner))
        return is_planned_whole(frozen) and not judged_by_what_is_in

    def ask(
        self, leases: Mapping[int, Lease], limit: Budget, trials: Sequence[FrozenTrial] = ()
    ) -> RunningTrial:
        """Under the lock: Optuna's next trial, leased; `trials` are those that it may take up again."""
        trial = self._study.ask()
        self._taken = {trial.number: trial}
        before = next((each for each in trials if each.number == trial.number), None)
        self._note_begin(trial, limit, 0 if before is None else reported_steps(before))
        self._leases.take(trial.number, _attempt(leases.get(trial.number), before))
        return trial

    def _note_begin(self, trial: RunningTrial, limit: Budget, reported: int) -> None:
        if kept_on(trial, HELD):
            keep(trial, HELD, False)
        if limit.budget_seconds is not None:
            keep(trial, TRAINED_SPAN, self._record.now().begun())
        if kept_on(trial, TRAINED_SPAN) is not None:  # its end closes one of an earlier launch too
            self._told.timed.add(trial.number)
        if reported:
            keep(trial, REPORTED_BEFORE, reported)


def _waiting(trial: NextTrial) -> FrozenTrial:
    """A trial as Optuna's `enqueue_trial` makes it, with the attributes that are out of sight too."""
    return create_trial(
        state=TrialState.WAITING,
        user_attrs=dict(trial.user_attrs),
        system_attrs={**trial.system_attrs, "fixed_params": dict(trial.params)},
    )


def _attempt(lease: Lease | None, trial: FrozenTrial | None) -> int:
    """Which attempt in a row this is that has not come further; `trial`: as it was before."""
    if lease is None or (trial is not None and came_further(trial)):
        return 1
    return 1 + lease.attempts
