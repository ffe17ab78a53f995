"""What is said of a database that can't be used for a while: once when it begins, once when it is over."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from optuna.trial import TrialState
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from search.errors import RunError
from search.storage.database import Database, open_for_work
from search.storage.patience import LockHeldError, Patience, Trier, Trouble
from tests.search_tests.postgres_server import PostgresServer
from tests.search_tests.studies import make_study, trial_queue


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.storage.patience.FIRST_PAUSE_SECONDS", 0.01)


class Away(Exception):
    """What a driver says while the server is away."""


def test_an_outage_is_a_line_and_its_end_another() -> None:
    said, left = list[str](), iter([Away(), Away()])
    again = Trier(lambda error: Trouble("db is away", over="db is back"))
    again.patience = Patience(say=said.append)

    def work() -> str:
        for error in left:
            raise error
        return "done"

    assert again(work) == "done"
    assert said[0] == "db is away; trying again for up to 1 min"
    assert [text.partition(" (")[0] for text in said[1:]] == ["db is back"]


def test_the_end_of_what_was_no_news_is_no_news() -> None:
    said, left = list[str](), iter([LockHeldError("x.db: process 7 keeps the lock")])
    again = Trier(lambda error: error.trouble if isinstance(error, LockHeldError) else None)
    again.patience = Patience(say=said.append)

    def work() -> str:
        for error in left:
            raise error
        return "done"

    assert again(work) == "done"
    assert said == []


def test_a_disk_that_is_full_is_waited_for_and_nothing_of_a_result_is_lost(database: Database) -> None:
    """SQLite's own limit of pages: what it says then is what it says of a full disk."""
    if database.engine.dialect.name != "sqlite":
        pytest.skip("a server's disk is not this process's to fill")
    record, said = make_study(database), list[str]()
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None

    def limit(pages: int) -> None:
        with database.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    limit(1)

    def make_room(text: str) -> None:
        said.append(text)
        limit(1_000_000)

    database.patience = Patience(say=make_room)
    assert queue.complete(trial, 1.5, {"runs": ["x" * 100_000]})
    assert queue.stored(trial.number).state == TrialState.COMPLETE
    assert [text.partition("studies.db: ")[2].partition(" (")[0] for text in said] == [
        "the disk is full; results are held until there is room; trying again for up to 1 min",
        "there is room again",
    ]
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_a_disk_that_is_read_only_is_waited_for(database: Database) -> None:
    """SQLite's own switch, in place of a file system that is mounted anew."""
    if database.engine.dialect.name != "sqlite":
        pytest.skip("of a file")
    record, said, broken = make_study(database), list[str](), [True]
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None

    @event.listens_for(database.engine, "before_cursor_execute")
    def _refuse(*_: object) -> None:
        if broken:
            failure = sqlite3.OperationalError("attempt to write a readonly database")
            failure.sqlite_errorname = "SQLITE_READONLY"
            raise OperationalError("UPDATE", {}, failure)

    def mount_again(text: str) -> None:
        said.append(text)
        broken.clear()

    database.patience = Patience(say=mount_again)
    assert queue.complete(trial, 1.5, {})
    assert len(said) == 2
    assert "the disk or the file is read-only; results are held until it can be written" in said[0]
    assert "it can be written again" in said[1]


@pytest.fixture
def far(postgres: PostgresServer) -> Iterator[Database]:
    database = open_for_work(postgres.new_database())
    yield database
    database.close()


def test_a_server_that_can_only_be_read_is_waited_for(postgres: PostgresServer, far: Database) -> None:
    record, said, name = make_study(far), list[str](), far.url.database
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None

    def switch(word: str) -> None:
        postgres.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {word}")
        postgres.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

    switch("on")

    def promote(text: str) -> None:
        said.append(text)
        if "read" in text:
            switch("off")

    far.patience = Patience(say=promote)
    assert queue.complete(trial, 1.5, {})
    words = [text.partition(", port 5432 ")[2].partition(" (")[0] for text in said]
    assert words == ["can only be read now", "can be written again"]
    assert queue.stored(trial.number).value == 1.5


def test_to_begin_on_a_server_that_can_only_be_read_is_refused_with_what_it_may_be(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database(tables=False)
    postgres.execute(f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")
    with pytest.raises(RunError, match=r"can only be read; is it a standby, or default_transaction_read"):
        open_for_work(url)


def test_tables_that_another_version_changes_meanwhile_are_named(database: Database) -> None:
    record = make_study(database)
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE version_info SET schema_version = 99")
        connection.exec_driver_sql("ALTER TABLE trials RENAME COLUMN datetime_complete TO completed_at")
    with pytest.raises(RunError, match=r"were changed by another version of Optuna while they were used"):
        queue.complete(trial, 1.5, {})


def test_a_study_that_is_renamed_meanwhile_is_trained_on(database: Database) -> None:
    """By its number, under which all that it has is kept."""
    queue = trial_queue(make_study(database))
    trial = queue.next()
    assert trial is not None
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE studies SET study_name = 'another' WHERE study_name = 'small'")
    assert queue.complete(trial, 1.5, {})
    assert queue.next() is not None
