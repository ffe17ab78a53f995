"""Making a study, or opening one for more work: `create_or_resume`, under the database's lock."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Mapping
from typing import Any

from search.errors import UsageError
from search.messages import Say
from search.spec.made_of import MadeOf
from search.spec.population import AUTO
from search.spec.study import StudySpec
from search.storage.database import Database
from search.storage.study_attributes import CONTROL, MADE, PLACE, PROXY, SPEC, WAY, StudyAttributes
from search.storage.study_change import check_resumed
from search.storage.study_record import StudyRecord, forget_rows


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
        record.move_out_of_sight()
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


def _is_foreign(record: StudyRecord, spec: StudySpec) -> bool:
    """Whether a study without our attributes is more than the start of one whose launch was killed."""
    study = record.load()
    directions = [direction.name.lower() for direction in study.directions]
    return directions != [spec.direction] or bool(study.get_trials(deepcopy=False))
