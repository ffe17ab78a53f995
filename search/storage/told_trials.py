"""What is told of trials in training: reports and ends, written together.

Telling needs no lock: the first tell wins, and "somebody else has finished this trial" is a normal outcome.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import NopPruner
from optuna.trial import FrozenTrial, TrialState

from search.runs.trial_attributes import in_sight, out_of_sight
from search.spec.training_spans import ended
from search.storage.leases import Leases
from search.storage.optuna_rows import EndedTrial, add_reports, end_trials
from search.storage.planned_trial import RunningTrial
from search.storage.study_record import StudyRecord

REPORTS_WAIT_SECONDS = 0.5
"""Reports wait so long for what is told next; nothing but a person who watches reads them."""


class ToldTrials:
    """Writes what is told of the trials of one study.

    Args:
        record: the study.
        study: Optuna's, as this process opened it.
        leases: of this process; that of a trial that has ended is released.
    """

    def __init__(self, record: StudyRecord, study: optuna.Study, leases: Leases) -> None:
        self._record, self._database, self._study, self._leases = record, record.database, study, leases
        self.in_bulk = self._database.knows_tables
        """Whether Optuna's rows may be written here; else each call of its own is made."""
        self.timed = set[int]()
        """Numbers of the trials whose time is noted, which their end closes."""
        self._prunes_nothing = isinstance(study.pruner, NopPruner)
        self._together, self._wrote_at = 0, 0.0
        self._reports: dict[int, dict[int, float]] = {}
        self._ends: list[EndedTrial] = []

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is told inside is written at its end, in one transaction."""
        self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            self.flush(reports_wait=True)

    def report(self, trial: RunningTrial, step: int, value: float) -> None:
        """Report an intermediate value; nothing happens where the trial is finished elsewhere."""
        if isinstance(trial, optuna.Trial) and not (self.in_bulk and self._prunes_nothing):
            with contextlib.suppress(UpdateFinishedTrialError):
                trial.report(value, step)
            return
        self._reports.setdefault(trial.number, {})[step] = value
        self.flush()

    def end(
        self,
        number: int,
        state: TrialState,
        value: float | None,
        attributes: Mapping[str, Any],
        marks: Mapping[str, Any] | None = None,
    ) -> bool:
        """Finish a trial, with attributes; `marks` are system attributes of it. Returns False where another
        worker told this trial first; inside `together`, that is not known yet."""
        if state == TrialState.COMPLETE and (value is None or math.isnan(value)):
            raise ValueError(f"the value of trial {number} must be a number but is {value}.")
        if number in self.timed:
            attributes = {**ended(self.stored(number), self._record.now), **attributes}
        ended_trial = EndedTrial(
            number=number,
            state=state,
            value=value,
            user_attrs=in_sight(attributes),
            system_attrs={**out_of_sight(attributes), **(marks or {})},
            reports=self._reports.pop(number, {}),
        )
        if not self.in_bulk:
            return self._end_by_optuna(ended_trial)
        self._ends.append(ended_trial)
        return bool(self._together) or number in self.flush()

    def stored(self, number: int) -> FrozenTrial:
        """The trial as the database has it."""
        return self._database.storage.get_trial(self.trial_id(number))

    def trial_id(self, number: int) -> int:
        """Optuna's id of a trial.

        Raises:
            StudyGoneError: the study was deleted.
        """
        storage = self._database.storage
        try:
            return storage.get_trial_id_from_study_id_trial_number(self._record.study_id, number)
        except KeyError as error:
            raise self._record.gone() from error

    def flush(self, *, reports_wait: bool = False) -> list[int]:
        """Write what was told; the numbers of the trials that were ended here.

        `reports_wait`: reports alone are kept for a moment, for others to be written with them.
        """
        if self._together or not (self._reports or self._ends):
            return []
        if reports_wait and not self._ends and time.monotonic() - self._wrote_at < REPORTS_WAIT_SECONDS:
            return []
        self._wrote_at = time.monotonic()
        reports, ends = self._reports, self._ends
        done = self._database.patiently(lambda: self._write(reports, ends))
        self._reports, self._ends = {}, []
        if len(done) < len(ends):
            _ = self._record.attributes  # says so where the study is gone
        if ends:
            numbers = [trial.number for trial in ends]
            self._database.patiently(lambda: self._leases.release_all(numbers))
        return done

    def _write(self, reports: Mapping[int, Mapping[int, float]], ends: list[EndedTrial]) -> list[int]:
        with self._database.engine.begin() as connection:
            if reports:
                add_reports(connection, self._record.study_id, reports)
            return end_trials(connection, self._record.study_id, ends)

    def _end_by_optuna(self, trial: EndedTrial) -> bool:
        number = trial.number
        storage, trial_id = self._database.storage, self.trial_id(number)
        stored = self.stored(number)
        if stored.state != TrialState.RUNNING:
            return False
        try:
            # Nothing can be set on a finished trial, so what belongs to it is written first.
            for key, attribute in trial.user_attrs.items():
                storage.set_trial_user_attr(trial_id, key, attribute)
            for key, attribute in trial.system_attrs.items():
                storage.set_trial_system_attr(trial_id, key, attribute)
            self._study.tell(number, trial.value, state=trial.state)
        except (UpdateFinishedTrialError, ValueError):
            # Only "finished or waiting" is a normal end: the lease was lost to another worker.
            if self.stored(number).state == TrialState.RUNNING:
                raise
            return False
        self._database.patiently(lambda: self._leases.release(number))
        return True
