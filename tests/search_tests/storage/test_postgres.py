"""What is PostgreSQL's own: addresses and passwords, UTC, the advisory lock, and what a failure says."""

from __future__ import annotations

import builtins
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import URL

from search.errors import RunError, UsageError
from search.storage import postgres as postgres_module
from search.storage.address import parse_address
from search.storage.database import Database, open_for_reading, open_for_work
from search.storage.postgres import LOCK_KEY
from search.storage.study_record import study_names
from tests.search_tests.postgres_server import PostgresServer
from tests.search_tests.storage.processes import hold_the_lock, kill, open_at_once, race, running
from tests.search_tests.studies import make_study

AWKWARD_PASSWORD = "p{0}@/%25%$ ü'\\"


@contextmanager
def opened(url: URL) -> Iterator[Database]:
    database = open_for_work(url)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def locked_user(postgres: PostgresServer) -> Iterator[str]:
    """A user who has to give a password, as everybody has on a real server."""
    postgres.execute(sql.SQL("CREATE USER locked SUPERUSER PASSWORD {}").format(AWKWARD_PASSWORD))
    rules = postgres.data_folder / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local all locked scram-sha-256\n{before}")
    postgres.reload()
    yield "locked"
    rules.write_text(before)
    postgres.reload()
    postgres.execute("DROP USER locked")


def test_a_server_that_takes_no_more_connections_is_told_with_the_way_out(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    postgres.execute("CREATE USER few")
    postgres.execute("ALTER USER few CONNECTION LIMIT 0")
    with pytest.raises(RunError, match=r"takes no more connections .* raise its max_connections"):
        open_for_work(url.set(username="few"))
    postgres.execute("DROP USER few")


def test_work_makes_the_tables_and_reading_finds_them(postgres: PostgresServer) -> None:
    url = postgres.new_database(tables=False)
    with opened(url) as made:
        make_study(made)
    read = open_for_reading(url)
    assert study_names(read) == ["small"]
    read.close()


def test_reading_an_empty_database_is_refused_and_makes_nothing(postgres: PostgresServer) -> None:
    url = postgres.new_database(tables=False)
    with pytest.raises(UsageError, match="holds no studies yet; make its tables with: warmboot migrate"):
        open_for_reading(url)
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert postgres.execute(tables, str(url.database)) == [(0,)]


def test_many_processes_may_make_the_tables_at_once(postgres: PostgresServer) -> None:
    url = postgres.new_database(tables=False)
    answers = race(open_at_once, url.render_as_string(), 4)
    assert answers == ["opened"] * 4


def test_a_database_without_an_encoding_serves(postgres: PostgresServer) -> None:
    postgres.execute("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with opened(postgres.address("ascii")) as database:
        assert make_study(database, name="größe").spec.name == "größe"


@pytest.mark.parametrize("way", ["address", "PGPASSFILE"])
def test_an_awkward_password_works_and_is_nowhere_to_be_seen(
    postgres: PostgresServer,
    locked_user: str,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    url = postgres.address(str(postgres.new_database().database), locked_user)
    if way == "address":
        written = url.set(password=AWKWARD_PASSWORD).render_as_string(hide_password=False)
        url = parse_address(written)
    else:
        escaped = AWKWARD_PASSWORD.replace("\\", "\\\\")
        path = tmp_path / "pgpass"
        path.write_text(f"*:*:*:*:{escaped}\n")
        path.chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(path))
    with opened(url) as database:
        make_study(database)
        with database.lock():
            pass
        engine = database.engine
        assert AWKWARD_PASSWORD not in f"{engine.url!r} {engine.url.render_as_string(hide_password=False)}"
        assert engine.url.password is None


@pytest.mark.parametrize("password", [None, "s3cret{"])
def test_a_refused_login_names_the_server_and_not_the_password(
    postgres: PostgresServer, locked_user: str, password: str | None
) -> None:
    with pytest.raises(RunError, match="refused the login") as caught:
        open_for_work(postgres.address("postgres", locked_user, password))
    assert str(postgres.socket_folder) in str(caught.value)
    assert "WARMBOOT_STORAGE_PASSWORD_FILE" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("open_it", [open_for_work, open_for_reading])
@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("127.0.0.1:1", r"127\.0\.0\.1, port 1"),  # nobody listens
        ("nobody.invalid", r"nobody\.invalid, port 5432"),  # a name that no server has
    ],
)
def test_a_server_that_is_not_there_is_told_soon_with_host_and_port(
    host: str, named: str, open_it: Any
) -> None:
    began = time.monotonic()
    with pytest.raises(RunError, match=f"is a server running at {named}") as caught:
        open_it(parse_address(f"postgresql://me:s3cret@{host}/db"))
    assert time.monotonic() - began < 10
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_says_nothing_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_module, "CONNECT_TIMEOUT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(RunError, match=f"port {port}"):
            open_for_work(parse_address(f"postgresql://me@127.0.0.1:{port}/db"))
        assert time.monotonic() - began < 6


def test_a_missing_database_is_named(postgres: PostgresServer) -> None:
    with pytest.raises(UsageError, match='database "nowhere" does not exist; create it first'):
        open_for_work(postgres.address("nowhere"))


def test_a_missing_driver_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_psycopg(name: str, *rest: Any) -> Any:
        if name == "psycopg":
            raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_psycopg)
    with pytest.raises(UsageError, match=r"install it with: .* -m pip install .*\[postgres\]'"):
        open_for_work(parse_address("postgresql://host/db"))


def test_every_session_counts_time_in_utc_and_keeps_the_options_of_the_address(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database()
    postgres.execute(f"ALTER DATABASE {url.database} SET timezone = 'Asia/Tokyo'")
    url = url.update_query_dict({"options": "-c statement_timeout=77s"})
    with opened(url) as database, database.engine.connect() as connection:
        assert connection.scalar(text("SHOW timezone")) == "UTC"
        assert connection.scalar(text("SHOW statement_timeout")) == "77s"


def test_a_connection_that_died_is_replaced(postgres: PostgresServer) -> None:
    with opened(postgres.new_database()) as database:
        record = make_study(database)
        assert record.next_worker_index() == 0
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE datname = '{database.url.database}'"
        )
        assert record.next_worker_index() == 1


def test_a_killed_process_leaves_no_lock(postgres: PostgresServer) -> None:
    with opened(postgres.new_database()) as database:
        record = make_study(database)
        with running(hold_the_lock, record) as (_, process_id):
            assert _is_locked(postgres, database.url)
            kill(process_id)
            began = time.monotonic()
            with database.lock():
                assert time.monotonic() - began < 5


def test_who_waits_too_long_for_the_lock_is_told(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_module, "LOCK_TIMEOUT_SECONDS", 0.2)
    with opened(postgres.new_database()) as database:
        with (
            database.lock(),
            pytest.raises(RunError, match=f"process {os.getpid()} keeps the lock"),
            database.lock(),
        ):
            pass
        assert not _is_locked(postgres, database.url)


def test_the_lock_is_free_after_an_error_in_it(postgres: PostgresServer) -> None:
    with opened(postgres.new_database()) as database:
        with pytest.raises(KeyError), database.lock():
            raise KeyError
        assert not _is_locked(postgres, database.url)


def test_two_databases_of_a_server_have_two_locks(postgres: PostgresServer) -> None:
    with (
        opened(postgres.new_database()) as one,
        opened(postgres.new_database()) as other,
        one.lock(),
        other.lock(),
    ):
        pass


def _is_locked(postgres: PostgresServer, url: URL) -> bool:
    rows = postgres.execute(
        "SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks JOIN pg_database d ON d.oid = database "
        f"WHERE locktype = 'advisory' AND granted AND d.datname = '{url.database}'"
    )
    return (LOCK_KEY,) in rows
