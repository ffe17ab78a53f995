"""A study in the database: its specification, the guard against mixing two, and what may be changed later.

`study_attributes` says what is kept on it.
"""

from __future__ import annotations

import contextlib
import secrets
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from search.errors import RunError, UsageError, nearest
from search.messages import Say
from search.spec.made_of import MadeOf
from search.spec.population import AUTO
from search.spec.study import StudySpec
from search.spec.training_spans import Moment
from search.storage.address import shown
from search.storage.clock import moment
from search.storage.database import Database
from search.storage.leases import Leases, this_owner
from search.storage.seed_claims import SeedClaims
from search.storage.study_attributes import (
    CONTROL,
    MADE,
    OPENINGS,
    OWN_LR,
    PLACE,
    PROXY,
    ROUNDS,
    SPEC,
    WAY,
    StudyAttributes,
)
from search.storage.study_change import check_resumed
from search.storage.study_reader import StudyReader
from search.storage.study_rows import attributes_of, names_with, study_id_of

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

OURS = "warmboot:"
"""How keys of a study's user attributes begin that are ours."""


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
            self.study_id = self._find()

    def _find(self) -> int:
        if self.database.needs_no_optuna:
            return self.database.patiently(lambda: study_id_of(self.database.engine, self.name))
        return self.database.storage.get_study_id_from_name(self.name)

    @property
    def attributes(self) -> StudyAttributes:
        """Its attributes, now.

        Raises:
            StudyGoneError: it was deleted.
        """
        with self._there():
            stored = self._stored()
        ours = {k.removeprefix(OURS): v for k, v in stored.items() if k.startswith(OURS)}
        return StudyAttributes(ours)

    def _stored(self) -> Mapping[str, Any]:
        if self.database.needs_no_optuna:
            return self.database.patiently(lambda: attributes_of(self.database.engine, self.study_id))
        return self.database.storage.get_study_user_attrs(self.study_id)

    def gone(self) -> StudyGoneError:
        """The error to raise where nothing of it is found any more."""
        where = shown(self.database.url)
        return StudyGoneError(f"study {self.name!r} was deleted from {where}, or reset, while it was used.")

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
            self.database.storage.set_study_user_attr(self.study_id, f"{OURS}{key}", value)

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


def create_or_resume(
    database: Database,
    spec: StudySpec,
    proxy: Mapping[str, Any],
    *,
    place: Mapping[str, Any] | None = None,
    way: Mapping[str, Any] | None = None,
    accept_change: bool = False,
    say: Say = lambda _text: None,
) -> tuple[StudyRecord, bool]:
    """Create the study, or open it for more work. Returns the record and whether it is new.

    Args:
        database: where.
        spec: the parsed study file, its horizon in steps.
        proxy: facts about the proxy for later readers of the study; what it is made of, among them, guards
            resuming.
        place: the file that is launched and the folder of its command; see `PLACE`.
        way: how a new study's runs are trained; see `WAY`.
        accept_change: whether a study with results goes on with another script.
        say: told what has changed and was taken.

    Raises:
        UsageError: a study of that name searches something else or was not made by Warmboot, or what it
            trains has changed.
    """
    return database.locked(
        lambda: _create_or_resume(database, spec, proxy, place or {}, way, accept_change, say)
    )


def _create_or_resume(
    database: Database,
    spec: StudySpec,
    proxy: Mapping[str, Any],
    place: Mapping[str, Any],
    way: Mapping[str, Any] | None,
    accept_change: bool,
    say: Say,
) -> tuple[StudyRecord, bool]:
    created = create_empty(database, spec)
    record = StudyRecord(database, spec.name)
    stored = record.attributes
    if not {*stored} - {MADE} and not created and _is_foreign(record, spec):
        raise UsageError(
            f"the storage already has a study {spec.name!r} that Warmboot did not make; "
            "rename one of the two."
        )
    if SPEC in stored:
        made_of = MadeOf.of_facts(proxy, folder=place.get("folder"))
        check_resumed(record, spec, made_of, accept=accept_change, say=say)
        _check_rounds(spec, stored)
        _check_way(spec, stored)
    else:
        record.set_answer("none yet: the search has not ended")
        record.keep_rounds(spec)
        if way is not None:
            record.set_attribute(WAY, dict(way))
    # The former fingerprints are for the comparison alone.
    record.set_attribute(PROXY, {key: value for key, value in proxy.items() if key != "former"})
    if place:
        record.set_attribute(PLACE, dict(place))
    record.set_attribute(CONTROL, {**spec.limit.to_control(), "stop": False})
    record.set_attribute(SPEC, spec.to_json())  # last: a reader that finds it finds the others too
    return record, created


def _check_rounds(spec: StudySpec, stored: StudyAttributes) -> None:
    """Refuse a file that asks for other rounds than the study has: they hold for its life."""
    asked = (spec.population.round, spec.population.delay, spec.population.reproducible)
    if all(word == "auto" for word in asked) or spec.rounds == stored.rounds:
        return
    have = stored.rounds
    has = "no rounds" if have is None else f"round = {have.size} and delay = {have.delay}"
    raise UsageError(
        f"study {spec.name!r} has {has}, which hold for its life; leave round, delay and reproducible out of "
        "[population], or search under another name."
    )


def _check_way(spec: StudySpec, stored: StudyAttributes) -> None:
    """Refuse a file that asks for another way than the study's runs have been trained in."""
    asked = spec.population.way
    if asked not in (AUTO, stored.way):
        raise UsageError(
            f"study {spec.name!r} trains its runs in the way {stored.way or AUTO!r}, which holds for its "
            "life; leave way out of [population], or search under another name."
        )


def find_study(database: Database, name: str) -> StudyRecord:
    """The study of that name.

    Raises:
        UsageError: there is none; the nearest names are told.
    """
    names = study_names(database)
    if name not in names:
        raise UsageError(f"no study {name!r} in this storage; {nearest(name, names)}")
    return StudyRecord(database, name)


def study_names(database: Database) -> list[str]:
    """The names of all studies that Warmboot made, in the order of their creation."""
    if database.needs_no_optuna:
        return database.patiently(lambda: names_with(database.engine, f"{OURS}{SPEC}"))
    studies = database.storage.get_all_studies()
    return [s.study_name for s in studies if f"{OURS}{SPEC}" in s.user_attrs]


def create_empty(database: Database, spec: StudySpec) -> bool:
    """Make a study that nothing is known of yet; False where there is one. Call under the database's lock."""
    import optuna
    from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning

    try:
        study = optuna.create_study(study_name=spec.name, storage=database.storage, direction=spec.direction)
    except DuplicatedStudyError:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names([spec.objective])  # the dashboard's axes read so
    record = StudyRecord(database, spec.name)
    forget_rows(record)
    record.set_attribute(MADE, secrets.token_hex(8))
    return True


def forget_rows(record: StudyRecord) -> None:
    """Drop what our own tables hold under a study's id; SQLite gives the id of a deleted study out again."""
    Leases(record.database.engine, record.study_id, this_owner()).forget_all()
    SeedClaims(record.database.engine, record.study_id).forget_all()


def _is_foreign(record: StudyRecord, spec: StudySpec) -> bool:
    """Whether a study without our attributes is more than the start of one whose launch was killed."""
    study = record.load()
    directions = [direction.name.lower() for direction in study.directions]
    return directions != [spec.direction] or bool(study.get_trials(deepcopy=False))
