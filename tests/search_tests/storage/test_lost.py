"""A database or a study that is deleted, moved or replaced while it is used is noticed and named."""

from __future__ import annotations

import shutil
from pathlib import Path

import optuna
import pytest

from search.errors import RunError
from search.storage.address import sqlite_path
from search.storage.database import Database, open_for_reading, open_for_work
from search.storage.patience import Patience
from search.storage.study_record import study_names
from tests.search_tests.postgres_server import PostgresServer
from tests.search_tests.studies import make_study, open_database, trial_queue


def test_a_file_that_is_deleted_under_a_launch_is_noticed_at_the_next_call(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    queue = trial_queue(make_study(database))
    path = sqlite_path(database.url)
    path.unlink()
    with pytest.raises(RunError, match=r"studies\.db was deleted or moved while it was used"):
        queue.next()
    database.close()
    assert not path.exists(), "what was deleted is not made anew"


def test_a_file_that_is_replaced_is_noticed_and_left_alone(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    queue = trial_queue(make_study(database))
    trial = queue.next()
    assert trial is not None
    path, other = sqlite_path(database.url), tmp_path / "other"
    other.mkdir()
    open_database(other).close()
    shutil.move(path, tmp_path / "moved.db")
    shutil.copy(other / "studies.db", path)
    before = path.read_bytes()
    for work in (lambda: queue.complete(trial, 1.0, {}), queue.renew):
        with pytest.raises(RunError, match="was replaced by another file while it was used"):
            work()
    database.close()
    assert path.read_bytes() == before


def test_a_file_that_is_deleted_under_a_reader_is_named(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    reader = open_for_reading(open_database(tmp_path).url)
    sqlite_path(reader.url).unlink()
    with pytest.raises(RunError, match="was deleted or moved while it was looked at"):
        study_names(reader)
    reader.close()


def test_a_database_that_is_dropped_is_named_and_not_waited_for(postgres: PostgresServer) -> None:
    database = open_for_work(postgres.new_database())
    database.patience = Patience(say=lambda _: None)
    record = make_study(database)
    postgres.execute(f"DROP DATABASE {database.url.database} WITH (FORCE)")
    with pytest.raises(RunError, match="was deleted or renamed while it was used"):
        record.next_worker_index()
    database.close()


def test_a_study_that_is_deleted_is_named(database: Database) -> None:
    record = make_study(database)
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    optuna.delete_study(study_name=record.name, storage=database.rdb)
    for work in (queue.next, lambda: queue.complete(trial, 1.0, {})):
        with pytest.raises(RunError, match=r"study 'small' was deleted from .* while it was used"):
            work()
