"""Which studies a worker may take up: open, allowed, and not set aside."""

from __future__ import annotations

import optuna
import pytest

from search.launch.open_studies import OpenStudies
from search.launch.service_log import ServiceLog
from search.results.status import StudyStatus, read_status
from search.spec.permission import Permission
from search.storage.database import Database
from search.storage.study_reader import StudyReader
from search.storage.study_record import StudyRecord
from tests.search_tests.studies import make_study, trial_queue


class Serving:
    """One worker's view of a database, and what it said."""

    def __init__(self, database: Database, permission: Permission | None = None) -> None:
        self.said: list[str] = []
        log = ServiceLog(self.said.append)
        self.studies = OpenStudies(database, permission or Permission(), log)

    def open(self) -> list[str]:
        return [study.name for study in self.studies.all()]


def test_an_empty_storage_has_nothing_to_do(database: Database) -> None:
    assert Serving(database).open() == []


def test_open_studies_come_by_age_with_priority_and_how_many_are_at_work(database: Database) -> None:
    serving = Serving(database)
    first = make_study(database, name="first")
    second = make_study(database, name="second")
    assert trial_queue(first).next() is not None
    second.set_attribute("priority", 3)
    assert [(s.name, s.priority, s.status.running) for s in serving.studies.all()] == [
        ("first", 0, 1),
        ("second", 3, 0),
    ]


def test_a_study_that_is_done_is_looked_at_again_when_more_is_wanted_of_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make_study(database, n_trials=1)
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    queue.report(trial, 20, 3.0)
    assert queue.fail(trial.number, "on purpose")
    looks: list[str] = []

    def looked(read: StudyRecord, reader: StudyReader) -> StudyStatus:
        looks.append(read.name)
        return read_status(read, reader)

    monkeypatch.setattr("search.launch.open_studies.read_status", looked)
    serving = Serving(database)
    assert [serving.open(), serving.open(), serving.open()] == [[], [], []]
    assert looks == ["small"]
    make_study(database, n_trials=2)
    assert serving.open() == ["small"]


def test_what_is_stopped_done_or_deleted_is_not_open(database: Database) -> None:
    serving = Serving(database)
    record = make_study(database, n_trials=1)
    record.set_control(stop=True)
    assert serving.open() == []
    record.set_control(stop=False)
    assert serving.open() == ["small"]
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    queue.report(trial, 20, 3.0)
    assert queue.fail(trial.number, "on purpose")
    assert serving.open() == [], "all its trials are finished, and none is there to confirm"
    make_study(database, n_trials=2)
    assert serving.open() == ["small"], "more is wanted of it"
    optuna.delete_study(study_name="small", storage=database.storage)
    assert serving.open() == []


def test_a_study_deleted_while_it_is_looked_at_is_passed_over(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(database, name="present")
    monkeypatch.setattr("search.launch.open_studies.study_names", lambda _: ["deleted", "present"])
    serving = Serving(database)
    assert serving.open() == ["present"]
    serving.studies.succeeded("deleted")
    serving.studies.set_aside("deleted", "it broke")
    assert serving.said == ["deleted: it broke"]


def test_what_goes_wrong_in_a_look_is_not_taken_for_a_deleted_study(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_study(database)

    def wrong(*_: object) -> None:
        raise KeyError("curve")

    monkeypatch.setattr("search.launch.open_studies.read_status", wrong)
    with pytest.raises(KeyError, match="curve"):
        Serving(database).open()


def test_foreign_studies_are_left_alone(database: Database) -> None:
    optuna.create_study(study_name="foreign", storage=database.storage)
    assert Serving(database).open() == []


def test_code_is_skipped_with_one_line_until_it_is_allowed(database: Database) -> None:
    make_study(database, proxy="mylab.proxies:small")
    strict = Serving(database, Permission(imports=("mylab2",), commands=True))
    assert [strict.open(), strict.open()] == [[], []]
    assert strict.said == [
        "small: skipped: its proxy is code, mylab.proxies:small; allow it with --allow-import mylab"
    ]
    assert Serving(database, Permission(imports=("mylab",))).open() == ["small"]


def test_a_study_of_another_version_does_not_stop_the_others(database: Database) -> None:
    future = make_study(database, name="future")
    future.set_attribute("spec", {**future.attributes["spec"], "invented_later": 1})
    make_study(database, name="present")
    serving = Serving(database)
    assert serving.open() == ["present"]
    assert serving.said == ["future: was made by another version of Warmboot; skipped."]


def test_a_study_that_failed_is_set_aside_for_longer_and_longer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("search.launch.open_studies.time.monotonic", lambda: now)
    make_study(database, name="bad")
    make_study(database, name="good")
    serving = Serving(database)
    pauses = []
    for _ in range(6):
        assert serving.open() == ["bad", "good"]
        serving.studies.set_aside("bad", "it broke")
        assert serving.open() == ["good"]
        began = now
        while serving.open() == ["good"]:
            now += 10
        pauses.append(now - began)
    assert pauses == [30, 60, 120, 240, 480, 600]
    assert serving.said[:2] == ["bad: it broke", "bad: set aside for 30 s."]
    assert serving.studies.failed == ["bad"]
    serving.studies.succeeded("bad")
    assert serving.studies.failed == []


def test_a_worker_for_one_study_sees_no_other(database: Database) -> None:
    make_study(database, name="mine")
    make_study(database, name="others")
    studies = OpenStudies(database, Permission(), ServiceLog(lambda _: None), only=("mine",))
    assert [study.name for study in studies.all()] == ["mine"]
