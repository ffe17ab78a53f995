"""A study copied whole between databases of either kind, and all that can stand in the way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.trial import Trial, TrialState
from optuna_dashboard import get_note, save_note
from sqlalchemy import MetaData, func, select, text

from search.errors import RunError, UsageError
from search.results.status import read_status
from search.results.study_hash import study_hash
from search.runs.trial_attributes import SCHEDULE_KEY, kept
from search.storage import study_copy
from search.storage.dashboard_rows import Pages, put_up
from search.storage.database import Database, open_for_reading
from search.storage.leases import COPYING, Leases, this_owner
from search.storage.seed_claims import SeedClaims
from search.storage.study_copy import copy_study
from search.storage.study_record import StudyRecord, find_study, study_names
from search.storage.study_removal import delete_study
from tests.search_tests.storage.conftest import new_database, new_file
from tests.search_tests.studies import fill, make_study, trial_queue

ROWS = [({"lr": lr, "warmup": 0.0, "n_restarts": 0, "curve": "linear"}, lr) for lr in (0.1, 0.2, 1 / 3)]
ANOTHER_OWNER = "another|17|1"


@pytest.fixture
def target(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database of the other kind, where the ids of a study and its trials are taken already."""
    (tmp_path / "target").mkdir()
    other = "sqlite" if backend == "postgresql" else "postgresql"
    database = new_database(other, tmp_path / "target", request)
    fill(make_study(database, name="neighbour"), ROWS)
    yield database
    database.close()


@pytest.fixture
def found(record: StudyRecord) -> StudyRecord:
    """A study with a trial in every state, notes, seeds, and attributes of every kind."""
    fill(record, ROWS)
    study = record.load()
    queue = trial_queue(record)
    failing = queue.next()
    assert failing is not None
    assert queue.fail(failing.number, "on purpose")
    interrupted = queue.next()
    assert interrupted is not None
    queue.report(interrupted, 20, 2.5)
    queue.report(interrupted, 40, math.nan)
    queue.hand_back(interrupted.number)
    Leases(record.database.engine, record.study_id, this_owner()).give_up(interrupted.number, attempts=2)
    save_note(study, "of the study")
    save_note(
        Trial(study, record.database.storage.get_trial_id_from_study_id_trial_number(record.study_id, 1)), "b"
    )
    record.set_attribute("place", {"file": "/home/ada/small.toml", "folder": None})
    record.set_control(n_trials=20)
    return record


def trial_of(record: StudyRecord, number: int) -> Trial:
    storage = record.database.storage
    return Trial(record.load(), storage.get_trial_id_from_study_id_trial_number(record.study_id, number))


def attempts(record: StudyRecord) -> dict[int, int]:
    leases = Leases(record.database.engine, record.study_id, this_owner()).all()
    return {number: lease.attempts for number, lease in leases.items()}


def test_a_copy_has_all_that_its_source_has(found: StudyRecord, target: Database) -> None:
    copy = copy_study(found, target, "small")
    ours, theirs = (record.load().get_trials() for record in (found, copy))
    assert study_hash(theirs) == study_hash(ours)
    for one, other in zip(ours, theirs, strict=True):
        assert other.distributions == one.distributions
        assert other.user_attrs == one.user_attrs
        assert other.system_attrs == one.system_attrs
        assert repr(other.intermediate_values) == repr(one.intermediate_values)
        assert (other.datetime_start, other.datetime_complete) == (one.datetime_start, one.datetime_complete)
    assert {**copy.attributes, "made": ""} == {**found.attributes, "made": ""}
    assert copy.attributes.made not in (None, found.attributes.made), "it is another study"
    assert copy.load().metric_names == found.load().metric_names == ["val_loss"]
    assert read_status(copy, copy.reader()).counts == read_status(found, found.reader()).counts
    assert study_names(target) == ["neighbour", "small"]


def test_notes_stand_at_the_trials_whose_they_are(found: StudyRecord, target: Database) -> None:
    copy = copy_study(found, target, "small")
    assert get_note(copy.load()) == "of the study"
    assert [get_note(trial_of(copy, number)) for number in (0, 1, 2)] == ["", "b", ""]


def test_what_warmboot_has_written_for_the_dashboard_it_goes_on_writing_in_the_copy(
    record: StudyRecord, target: Database
) -> None:
    fill(record, ROWS)
    put_up(record, Pages("of the study", {trial_of(record, 1)._trial_id: "of a trial"}), 0.0)
    copy = copy_study(record, target, "small")
    put_up(copy, Pages("newer", {trial_of(copy, 1)._trial_id: "newer too"}), 1.0)
    assert (get_note(copy.load()), get_note(trial_of(copy, 1))) == ("newer", "newer too")


def test_a_copy_goes_on_where_its_source_stood(found: StudyRecord, target: Database) -> None:
    copy = copy_study(found, target, "small")
    key = kept(copy.load().get_trials()[0], SCHEDULE_KEY)
    assert SeedClaims(target.engine, copy.study_id).claim(key, 99) == 1, "its first seed is trained"
    assert attempts(copy) == attempts(found) == {4: 2}
    taken = trial_queue(copy).next()
    assert taken is not None
    assert taken.number == 4, "the trial that was handed back, under its number"
    assert [trial.state for trial in found.load().get_trials()][4] == TrialState.WAITING, "as it was"


def test_a_copy_may_have_another_name_beside_its_source(found: StudyRecord) -> None:
    copy = copy_study(found, found.database, "later")
    assert copy.spec.name == "later"
    assert study_hash(copy.load().get_trials()) == study_hash(found.load().get_trials())
    delete_study(found)
    assert len(copy.load().get_trials()) == 5, "nothing of it went with its source"


def test_a_study_is_copied_by_who_only_reads_it(found: StudyRecord, target: Database) -> None:
    found.database.close()
    reading = open_for_reading(found.database.url)
    copy = copy_study(find_study(reading, "small"), target, "small")
    assert len(copy.load().get_trials()) == 5
    reading.close()


def test_a_taken_name_is_refused_and_what_has_it_stays(found: StudyRecord, target: Database) -> None:
    fill(make_study(target), ROWS[:1])
    optuna.create_study(study_name="foreign", storage=target.storage)
    for name in ("small", "foreign"):
        with pytest.raises(UsageError, match=f"already has a study '{name}'; give .* with --as NAME"):
            copy_study(found, target, name)
    assert len(find_study(target, "small").load().get_trials()) == 1


def test_a_study_in_training_is_refused_and_its_process_named(record: StudyRecord, target: Database) -> None:
    assert trial_queue(record).next() is not None
    with pytest.raises(UsageError, match=r"is being trained by process \d+ on .*: warmboot stop small"):
        copy_study(record, target, "small")
    assert study_names(target) == ["neighbour"]


def test_a_study_that_changes_meanwhile_is_refused_and_nothing_is_left_of_the_copy(
    found: StudyRecord, target: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_copy = study_copy._fill

    def fill_and_change(copy: StudyRecord, contents: study_copy._Contents) -> None:
        fill_copy(copy, contents)
        fill(found, [])
        queue = trial_queue(found)
        trial = queue.next()
        assert trial is not None
        assert queue.fail(trial.number, "while it was copied")

    monkeypatch.setattr(study_copy, "_fill", fill_and_change)
    with pytest.raises(RunError, match="'small' changed while it was copied; stop it and copy it again"):
        copy_study(found, target, "small")
    assert [study.study_name for study in target.storage.get_all_studies()] == ["neighbour"]


def test_half_a_copy_is_no_study_and_is_replaced_once_its_process_is_gone(
    found: StudyRecord, target: Database
) -> None:
    study_id = target.storage.create_new_study(found.load().directions, "small")
    half = StudyRecord(target, "small")
    target.rdb.create_new_trial(study_id, found.load().get_trials()[0])
    leases = Leases(target.engine, study_id, ANOTHER_OWNER)
    leases.take(COPYING, attempts=1)
    assert study_names(target) == ["neighbour"], "no worker begins on it"
    with pytest.raises(UsageError, match="study 'small' is being copied there by process 17 on another\\."):
        copy_study(found, target, "small")
    leases.give_up(COPYING, attempts=1)
    copy = copy_study(found, target, "small")
    assert len(copy.load().get_trials()) == 5
    assert copy.study_id != half.study_id or target.url.get_backend_name() == "sqlite"


def test_a_name_that_is_none_is_refused(found: StudyRecord, target: Database) -> None:
    with pytest.raises(UsageError, match=r"--as: got ' small', which can't be the name of a study: a name "):
        copy_study(found, target, " small")


def test_a_study_of_another_version_is_left_to_that(found: StudyRecord, target: Database) -> None:
    found.set_attribute("spec", {**found.attributes["spec"], "invented_later": 1})
    with pytest.raises(UsageError, match="made by another version of Warmboot; copy it with that one"):
        copy_study(found, target, "small")


def test_a_database_of_another_schema_is_refused_by_name(tmp_path: Path) -> None:
    database = new_file(tmp_path)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE version_info SET schema_version = 11"))
        connection.execute(text("UPDATE alembic_version SET version_num = 'v3.0.0.d'"))
    database.close()
    with pytest.raises(UsageError, match=r"studies\.db was made by another version of Optuna"):
        open_for_reading(database.url)


def test_a_copy_that_is_deleted_leaves_no_row_in_any_table(found: StudyRecord, target: Database) -> None:
    delete_study(find_study(target, "neighbour"))
    before = rows_by_table(target)
    delete_study(copy_study(found, target, "small"))
    assert rows_by_table(target) == before
    assert {table: n for table, n in before.items() if n} == {
        "version_info": 1,
        "alembic_version": 1,
        **({"warmboot_leases": 1} if target.url.get_backend_name() == "sqlite" else {}),  # its clock
    }


def rows_by_table(database: Database) -> dict[str, int]:
    metadata = MetaData()
    metadata.reflect(database.engine)
    with database.engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }
