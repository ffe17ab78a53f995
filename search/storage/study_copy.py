"""Copying a study whole, between databases or under another name: `copy_study`.

Optuna's own `copy_study` does not do here. It writes a study's attributes before its trials, so that a worker
would begin on half a copy; the dashboard keeps notes under ids of trials, which are others in the copy; and
the seeds and attempts in our own tables would stay behind. So the copy is made with the same public calls in
another order: the specification, by which all that is ours is known as a study, comes last.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from pydantic import ValidationError

from search.errors import RunError, UsageError
from search.processes.identity import shown_process
from search.spec.study import StudySpec
from search.storage.address import shown
from search.storage.database import Database
from search.storage.leases import COPYING, Leases, this_owner
from search.storage.live_leases import live_owners, refuse_in_training
from search.storage.seed_claims import SeedClaim, SeedClaims
from search.storage.study_attributes import BOARD, MADE, SPEC
from search.storage.study_record import PREFIX, StudyGoneError, StudyRecord, forget_rows

_OF_A_TRIAL = re.compile(r"dashboard:(\d+):")
"""How keys of a study begin under which optuna-dashboard keeps what is a trial's: by its id."""


def copy_study(source: StudyRecord, target: Database, name: str) -> StudyRecord:
    """Copy a study: trials with their numbers, attributes and reports, notes, seeds, attempts, settings.

    The copy is read again and compared before it counts as a study. It is another study than its source:
    each goes on by itself.

    Args:
        source: the study; it stays as it is.
        target: where the copy goes, open for work; may be the source's own database.
        name: of the copy.

    Raises:
        UsageError: the name is taken there or is none; or the source is being trained, or was made by another
            version of Warmboot.
        RunError: the source changed meanwhile, or the copy differs from it; nothing of the copy is left.
    """
    refuse_in_training(source, "copy")
    spec = {**_stored_spec(source), "name": name}
    _refuse_wrong_name(spec, name)
    found = _Contents.of(source)
    copy, leases = _begin(target, name, found.directions)
    try:
        with leases.kept():
            ids = _fill(copy, found)
            _check(source, copy, found)
            _finish(copy, found, ids, spec, leases)
    except BaseException:
        _remove(copy)
        raise
    return copy


@dataclass(frozen=True)
class _Contents:
    """All that is kept of a study, read once."""

    directions: Sequence[StudyDirection]
    trials: Sequence[FrozenTrial]
    user_attrs: Mapping[str, Any]
    """Those that are not Warmboot's; as are `system_attrs`."""
    system_attrs: Mapping[str, Any]
    """With trials' ids in keys replaced by `dashboard:#NUMBER:`, which the copy's are made from."""
    own: Mapping[str, Any]
    """What Warmboot keeps of it, by names."""
    numbers: Mapping[str, int]
    """Optuna's id of a trial -> its number."""
    seeds: Sequence[SeedClaim]
    attempts: Mapping[int, int]
    """How often each trial that has not ended was begun."""

    @classmethod
    def of(cls, record: StudyRecord) -> _Contents:
        storage, study_id = record.database.storage, record.study_id
        trials = sorted(record.load().get_trials(deepcopy=False), key=lambda trial: trial.number)
        user_attrs, system_attrs = _foreign(storage, study_id)
        numbers = {str(trial._trial_id): trial.number for trial in trials}
        leases = record.database.patiently(_leases(record).all)
        return cls(
            storage.get_study_directions(study_id),
            trials,
            user_attrs,
            {_by_number(key, numbers): value for key, value in system_attrs.items()},
            dict(record.attributes),
            numbers,
            record.database.patiently(SeedClaims(record.database.engine, study_id).all),
            {number: lease.attempts for number, lease in leases.items() if number >= 0},
        )

    def differences(self, other: _Contents) -> list[str]:
        """The names of the parts in which two studies differ; their own attributes are left aside."""
        parts = {
            "trials": ([*map(_facts, self.trials)], [*map(_facts, other.trials)]),
            "notes": (_text(self.system_attrs), _text(other.system_attrs)),
            "seeds": (sorted(self.seeds), sorted(other.seeds)),
            "attempts": (self.attempts, other.attempts),
        }
        return [name for name, (one, another) in parts.items() if one != another]


def _foreign(storage: BaseStorage, study_id: int) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The user and system attributes of a study but Warmboot's, which were once among the first."""
    both = storage.get_study_user_attrs(study_id), storage.get_study_system_attrs(study_id)
    user, system = ({k: v for k, v in of.items() if not k.startswith(PREFIX)} for of in both)
    return user, system


def _facts(trial: FrozenTrial) -> str:
    """All of a trial but its id, as text: so NaN is equal to itself, and no digit is lost."""
    distributions = {name: distribution_to_json(d) for name, d in sorted(trial.distributions.items())}
    reports = sorted(trial.intermediate_values.items())
    attributes = _text(trial.user_attrs), _text(trial.system_attrs)
    times = trial.datetime_start, trial.datetime_complete
    params = sorted(trial.params.items())
    return repr((trial.number, trial.state, trial.values, params, distributions, reports, attributes, times))


def _text(attributes: Mapping[str, Any]) -> str:
    return json.dumps(dict(attributes), sort_keys=True)


def _by_number(key: str, numbers: Mapping[str, int]) -> str:
    """A key with the number of the trial whose it is; as it is where that was deleted with its study."""
    found = _OF_A_TRIAL.match(key)
    number = None if found is None else numbers.get(found[1])
    return key if found is None or number is None else f"dashboard:#{number}:{key[found.end() :]}"


def _by_id(key: str, ids: Sequence[int]) -> str:
    return re.sub(r"^dashboard:#(\d+):", lambda found: f"dashboard:{ids[int(found[1])]}:", key)


def _board_of(board: Mapping[str, Any], numbers: Mapping[str, int], ids: Sequence[int]) -> Mapping[str, Any]:
    """Which notes of the copy are Warmboot's own: those that are in the source, by the copy's ids."""
    notes = {
        str(ids[numbers[trial_id]]) if trial_id in numbers else trial_id: known_by
        for trial_id, known_by in board.get("notes", {}).items()
    }
    return {**board, "notes": notes}


def _stored_spec(record: StudyRecord) -> Mapping[str, Any]:
    """The stored specification, where this version understands all of it."""
    try:
        stored = record.attributes
        StudySpec.from_json(stored[SPEC])
    except ValidationError as error:
        raise UsageError(
            f"copy: study {record.name!r} was made by another version of Warmboot; copy it with that one."
        ) from error
    return stored[SPEC]  # type: ignore[no-any-return]


def _refuse_wrong_name(spec: Mapping[str, Any], name: str) -> None:
    try:
        StudySpec.from_json(spec)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(f"--as: got {name[:100]!r}, which can't be the name of a study: {reason}") from error


def _begin(target: Database, name: str, directions: Sequence[StudyDirection]) -> tuple[StudyRecord, Leases]:
    """An empty study that is nobody's yet, and the lease which says that its copy is being made."""

    def create() -> tuple[StudyRecord, Leases]:
        _clear_left(target, name)
        try:
            target.storage.create_new_study(directions, name)
        except DuplicatedStudyError as error:
            raise UsageError(
                f"copy: {shown(target.url)} already has a study {name!r}; "
                "give the copy another name with --as NAME."
            ) from error
        copy = StudyRecord(target, name)
        forget_rows(copy)  # of an earlier study of this id
        leases = _leases(copy)
        leases.take(COPYING, attempts=1)
        copy.set_attribute(MADE, secrets.token_hex(8))
        return copy, leases

    return target.locked(create)


def _clear_left(target: Database, name: str) -> None:
    """Remove what a copy left that was ended half-way: it has a lease that is over, and no specification."""
    try:
        left = StudyRecord(target, name)
    except StudyGoneError:
        return  # there is none of that name
    if SPEC in left.attributes:
        return
    lease = _leases(left).all().get(COPYING)
    if lease is None:
        return
    if lease.live:
        raise UsageError(f"copy: study {name!r} is being copied there by {shown_process(lease.owner)}.")
    _remove(left)


def _fill(copy: StudyRecord, found: _Contents) -> list[int]:
    """Write all but the study's own attributes; the ids of its trials."""
    storage = copy.database.storage
    # A call of Optuna's for each, which may not be done twice: a database that goes away ends the copy.
    rdb = copy.database.rdb
    ids = [rdb.create_new_trial(copy.study_id, template_trial=trial) for trial in found.trials]
    for key, value in found.system_attrs.items():
        storage.set_study_system_attr(copy.study_id, _by_id(key, ids), value)
    SeedClaims(copy.database.engine, copy.study_id).add(found.seeds)
    _leases(copy).remember(found.attempts)
    return ids


def _check(source: StudyRecord, copy: StudyRecord, found: _Contents) -> None:
    """Compare the copy with what was read, and that with the source as it is now."""
    if live_owners(source) or found.differences(_Contents.of(source)):
        raise RunError(f"copy: study {source.name!r} changed while it was copied; stop it and copy it again.")
    differences = found.differences(_Contents.of(copy))
    if differences:
        where = shown(copy.database.url)
        raise RunError(f"copy: {where} keeps other {' and '.join(differences)} than it was given.")


def _finish(
    copy: StudyRecord, found: _Contents, ids: Sequence[int], spec: Mapping[str, Any], leases: Leases
) -> None:
    """Write the study's own attributes; from the last of them on it is a study that is worked on."""
    for key, value in found.user_attrs.items():
        copy.database.storage.set_study_user_attr(copy.study_id, key, value)
    for key, value in found.own.items():
        if key not in (MADE, SPEC):
            copy.set_attribute(key, _board_of(value, found.numbers, ids) if key == BOARD else value)
    leases.release(COPYING)
    copy.set_attribute(SPEC, dict(spec))


def _remove(copy: StudyRecord) -> None:
    forget_rows(copy)
    copy.database.storage.delete_study(copy.study_id)


def _leases(record: StudyRecord) -> Leases:
    return Leases(record.database.engine, record.study_id, this_owner())
