"""Deleting and resetting a study: nothing of ours is left, and nothing is taken from who trains."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.errors import UsageError
from search.results.status import read_status
from search.storage.database import Database
from search.storage.leases import Leases, this_owner
from search.storage.seed_claims import SeedClaims
from search.storage.study_record import StudyGoneError, StudyRecord, study_names
from search.storage.study_removal import delete_study, reset_study
from tests.search_tests.studies import fill, make_study, study_spec, trial_queue

ROWS = [({"lr": lr, "warmup": 0.0, "n_restarts": 0, "curve": "linear"}, lr) for lr in (0.1, 0.2)]


@pytest.fixture
def found(record: StudyRecord) -> StudyRecord:
    """A study with two results, a verdict, and a place."""
    fill(record, ROWS)
    record.set_attribute("verdict", {"outcome": "win"})
    record.set_attribute("place", {"file": "/home/ada/small.toml"})
    return record


def test_a_deleted_study_leaves_nothing_and_its_neighbour_all(found: StudyRecord) -> None:
    neighbour = make_study(found.database, name="neighbour")
    (key,) = fill(neighbour, ROWS[:1])
    delete_study(found)
    assert study_names(found.database) == ["neighbour"]
    assert Leases(found.database.engine, found.study_id, this_owner()).all() == {}
    assert SeedClaims(found.database.engine, found.study_id).claim(key, 0) == 0
    assert SeedClaims(found.database.engine, neighbour.study_id).claim(key, 9) == 1
    assert len(neighbour.load().get_trials()) == 1


def test_a_reset_study_searches_the_same_from_the_start_when_it_is_launched(found: StudyRecord) -> None:
    rounds = found.attributes.rounds
    fresh = reset_study(found)
    assert fresh.spec == study_spec()
    assert set(fresh.attributes) == {"spec", "proxy", "place", "control", "made", "rounds"}
    assert fresh.attributes.rounds == rounds is not None
    assert fresh.load().get_trials() == []
    assert read_status(fresh, fresh.reader()).stopped, "no worker begins it before its launch"
    assert trial_queue(fresh).next() is None
    again = make_study(fresh.database)
    fill(again, ROWS[:1])
    (trial,) = again.load().get_trials()
    assert (trial.number, trial.user_attrs["seed"]) == (0, 0)


def test_a_reset_study_trains_its_runs_as_before(found: StudyRecord) -> None:
    found.set_attribute("way", {"way": "vmap", "slots": 8, "gain": 2.0})
    assert reset_study(found).attributes.way == "vmap"


def test_a_study_that_is_trained_is_left_alone_and_its_process_named(record: StudyRecord) -> None:
    assert trial_queue(record).next() is not None
    for end in (delete_study, reset_study):
        with pytest.raises(
            UsageError, match=r"is being trained by process \d+ on [^/;]+; end that.*warmboot stop small"
        ):
            end(record)
    assert study_names(record.database) == ["small"]


def test_who_still_works_on_a_deleted_study_is_told(record: StudyRecord) -> None:
    queue = trial_queue(record)
    delete_study(record)
    with pytest.raises(StudyGoneError, match=r"'small' was deleted from .*, renamed or reset, while it was"):
        queue.next()
    with pytest.raises(StudyGoneError, match="was deleted from"):
        record.set_attribute("verdict", {})


def test_of_a_deleted_study_nothing_is_found_whatever_is_asked(record: StudyRecord) -> None:
    read = record.load()
    delete_study(record)
    asked: list[Callable[[], object]] = [
        record.load,
        lambda: record.trials(read),
        lambda: record.set_answer("none"),
        lambda: StudyRecord(record.database, "small"),
        lambda: read_status(record, record.reader()),
    ]
    for ask in asked:
        with pytest.raises(StudyGoneError, match="study 'small' was deleted from"):
            ask()


def test_two_studies_of_one_name_are_told_apart(database: Database) -> None:
    first = make_study(database)
    before = first.attributes["made"]
    assert reset_study(first).attributes["made"] != before
