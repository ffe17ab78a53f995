"""`StudyReader`: the trials of a study for who only looks, and remembers what is finished.

Where Optuna's tables are not those known here, Optuna reads them, which is slower and gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from search.runs.trial import Trial
from search.storage.trial_glances import GlanceReader, TrialGlance

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from search.storage.study_record import StudyRecord


class StudyReader:
    """Reads one study as often as it is asked to.

    Args:
        record: the study.
    """

    def __init__(self, record: StudyRecord) -> None:
        self._record = record
        self._glances: GlanceReader | None = None
        self._study: optuna.Study | None = None
        if record.database.knows_tables:
            self._glances = GlanceReader(record.database.engine, record.study_id)

    def trials(self) -> Sequence[Trial]:
        """All trials, in the order of their numbers; parameters only after `with_params`.

        Raises:
            StudyGoneError: the study was deleted.
        """
        if self._glances is not None:
            return self._record.database.patiently(self._glances.read)
        if self._study is None:
            self._study = self._record.load()
        return self._record.trials(self._study)

    def with_params(self, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Some of the trials that were read, with their parameters."""
        glances, reader = [trial for trial in trials if isinstance(trial, TrialGlance)], self._glances
        if reader is not None:
            self._record.database.patiently(lambda: reader.fill_params(glances))
        return trials

    def to_learn(self, trials: Sequence[Trial], *, curves: bool) -> Sequence[Trial]:
        """The trials that were read, with what the model of the search needs of them.

        Args:
            trials: of this study.
            curves: whether it needs all their reports.

        Raises:
            StudyGoneError: the study was deleted.
        """
        if self._glances is None or curves:
            return self.everything()
        glances, reader = [trial for trial in trials if isinstance(trial, TrialGlance)], self._glances
        self._record.database.patiently(lambda: reader.fill_to_learn(glances))
        self._check_there()
        return trials

    def everything(self) -> Sequence[FrozenTrial]:
        """All trials with all that Optuna has of them.

        Raises:
            StudyGoneError: the study was deleted.
        """
        database = self._record.database
        if self._glances is None:
            return self._record.trials(self._record.load())
        from search.storage.trials_reader import TrialsReader  # imports Optuna, and most only look

        found = database.patiently(TrialsReader(database.engine, self._record.study_id).read)
        self._check_there()
        return found

    def _check_there(self) -> None:
        """After reading: what was deleted meanwhile would lack trials, or trials what they had."""
        _ = self._record.attributes


class KnownTrials:
    """A study whose trials the caller has read, with all that Optuna has of them.

    Args:
        trials: all of it.
    """

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        self._trials = trials

    def trials(self) -> Sequence[FrozenTrial]:
        """All of them."""
        return self._trials

    def with_params(self, trials: Sequence[Trial]) -> Sequence[Trial]:
        """Some of them; they have their parameters."""
        return trials

    def to_learn(self, trials: Sequence[Trial], *, curves: bool) -> Sequence[Trial]:
        """The same; they have all of it."""
        return trials

    def everything(self) -> Sequence[FrozenTrial]:
        """All of them."""
        return self._trials
