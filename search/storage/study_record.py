"""A study in the database: its specification, the guard against mixing two, and what may be changed later.

`study_attributes` says what is kept on it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy.engine import URL

from search.errors import RunError, UsageError, nearest
from search.spec.study import StudySpec
from search.spec.training_spans import Moment
from search.storage.address import shown
from search.storage.clock import moment
from search.storage.database import Database, open_for_reading, open_for_work
from search.storage.leases import Leases, this_owner
from search.storage.seed_claims import SeedClaims
from search.storage.study_attributes import (
    CONTROL,
    CRASHED,
    OPENINGS,
    OWN_LR,
    ROUNDS,
    SPEC,
    StudyAttributes,
)
from search.storage.study_reader import StudyReader
from search.storage.study_rows import attributes_under, move_out_of_sight, names_with, study_id_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

MOST_CRASHES_KEPT = 100
PREFIX = "warmboot:"
"""Of the names of a study's attributes that are ours."""


class StudyGoneError(RunError):
    """A study that was there is no longer in its database."""


class StudyRecord:
    """One study of a database. Cheap to make; every property reads the database afresh.

    Raises:
        StudyGoneError: there is none of that name, or, in each method, no longer.
    """

    def __init__(self, database: Database, name: str) -> None:
        self.database = database
        self.name = name
        with self._there():
            self.study_id = study_id_of(database, name)

    @property
    def attributes(self) -> StudyAttributes:
        """Its attributes, now.

        Raises:
            StudyGoneError: it was deleted.
        """
        with self._there():
            stored = self._stored()
        ours = {k.removeprefix(PREFIX): v for k, v in stored.items() if k.startswith(PREFIX)}
        return StudyAttributes(ours)

    def _stored(self) -> Mapping[str, Any]:
        database, study_id = self.database, self.study_id
        if database.knows_tables:
            return database.patiently(lambda: attributes_under(database.engine, study_id, PREFIX))
        user = database.storage.get_study_user_attrs(study_id)
        return user | database.storage.get_study_system_attrs(study_id)

    def gone(self) -> StudyGoneError:
        """The error to raise where nothing of it is found any more."""
        where = shown(self.database.url)
        return StudyGoneError(
            f"study {self.name!r} was deleted from {where}, renamed or reset, while it was used."
        )

    @property
    def spec(self) -> StudySpec:
        """The study file, with the script's own lr where that is known."""
        return self.attributes.spec

    def now(self) -> Moment:
        """The time by the clock that all who work on the study share."""
        return self.database.patiently(lambda: moment(self.database.engine))

    def set_attribute(self, key: str, value: Any) -> None:
        """Write one attribute (JSON); hold the database's lock where others may write it too.

        Raises:
            StudyGoneError: the study is there no more.
        """
        with self._there():
            self.database.storage.set_study_system_attr(self.study_id, f"{PREFIX}{key}", value)

    def move_out_of_sight(self) -> None:
        """Move what an earlier version kept in sight of everybody; hold the database's lock."""
        if self.database.knows_tables:
            with self.database.engine.begin() as connection:
                move_out_of_sight(connection, self.study_id, PREFIX)

    def keep_rounds(self, spec: StudySpec) -> None:
        """Note how the study proposes its trials, for all its life."""
        self.set_attribute(ROUNDS, None if spec.rounds is None else asdict(spec.rounds))

    def set_answer(self, text: str) -> None:
        """Set the text that users of the dashboard see on the study."""
        with self._there():
            self.database.storage.set_study_user_attr(self.study_id, "answer", text)

    def set_control(self, **changes: Any) -> None:
        """Change the limit or `stop` for all that work on the study, now and later."""
        self.database.locked(lambda: self.set_attribute(CONTROL, {**self.attributes[CONTROL], **changes}))

    def keep_own_lr(self, own_lr: float) -> None:
        """Note the lr of the script's own optimizer; the first that is noted stays."""

        def keep_the_first() -> None:
            if self.attributes.own_lr is None:
                self.set_attribute(OWN_LR, own_lr)

        self.database.locked(keep_the_first)

    def forget_own_lr(self) -> None:
        """Learn it anew before the next trial; hold the database's lock."""
        if OWN_LR in self.attributes:
            self.set_attribute(OWN_LR, None)

    def note_crash(self, process: str, how: str) -> None:
        """Note that a worker crashed: what it trained is tried alone from now on."""

        def note() -> None:
            crashed = {**self.attributes.crashed, process: how}
            self.set_attribute(CRASHED, dict(list(crashed.items())[-MOST_CRASHES_KEPT:]))

        self.database.locked(note)

    def next_worker_index(self) -> int:
        """A number no other process that opened this study has had."""

        def count() -> int:
            opening = int(self.attributes.get(OPENINGS, 0))
            self.set_attribute(OPENINGS, opening + 1)
            return opening

        return self.database.locked(count)

    def reader(self) -> StudyReader:
        """What reads its trials for who only looks, as often as it is asked to."""
        return StudyReader(self)

    def load(
        self,
        sampler: optuna.samplers.BaseSampler | None = None,
        pruner: optuna.pruners.BasePruner | None = None,
    ) -> optuna.Study:
        """Optuna's study, for asking, telling and reading trials; without a pruner it prunes none."""
        import optuna  # takes long to import, and who only looks does without

        with self._there():
            return optuna.load_study(
                study_name=self.name,
                storage=self.database.cached_storage(),
                sampler=sampler,
                pruner=pruner or optuna.pruners.NopPruner(),
            )

    def trials(self, study: optuna.Study) -> list[FrozenTrial]:
        """All its trials, read by what `load` gave, which remembers the finished ones."""
        with self._there():
            return study.get_trials(deepcopy=False)

    @contextlib.contextmanager
    def _there(self) -> Iterator[None]:
        """Optuna's word for a study that it does not find is a bare `KeyError`."""
        try:
            yield
        except KeyError as error:
            raise self.gone() from error


def find_study(database: Database, name: str) -> StudyRecord:
    """The study of that name.

    Raises:
        UsageError: there is none; the nearest names are told.
    """
    names = study_names(database)
    if name not in names:
        raise UsageError(f"no study {name!r} in this storage; {nearest(name, names)}")
    return StudyRecord(database, name)


def study_for_work(url: URL, name: str) -> StudyRecord:
    """A study to change or to train more of; where there is none nothing is made, no file and no table.

    Raises:
        UsageError: there is no such storage, or no such study in it.
        RunError: the storage can't be read or written.
    """
    find_study(open_for_reading(url), name)
    return find_study(open_for_work(url), name)


def study_names(database: Database) -> list[str]:
    """The names of all studies that Warmboot made, in the order of their creation."""
    return names_with(database, f"{PREFIX}{SPEC}")


def forget_rows(record: StudyRecord) -> None:
    """Drop what our own tables hold under a study's id; SQLite gives the id of a deleted study out again."""
    Leases(record.database.engine, record.study_id, this_owner()).forget_all()
    SeedClaims(record.database.engine, record.study_id).forget_all()
