"""Storage addresses: the right form is told, and a password is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import UsageError
from search.storage.address import (
    default_folder,
    parse_address,
    server_name,
    shown,
    sqlite_path,
    storage_address,
    storage_option,
    without_password,
)

WRONG = {
    # what is typed -> what the message must say
    "": "got an empty address",
    "  ": "got an empty address",
    "runs/warmboot.db": r"got a path; write it as sqlite:///runs/warmboot\.db",
    "/runs/warmboot.db": r"write it as sqlite:////runs/warmboot\.db",  # absolute: four slashes
    "sqlite://x.db": r"names a host; SQLite needs three slashes: sqlite:///x\.db",
    "sqlite://runs/x.db": r"three slashes: sqlite:///runs/x\.db",  # the folder was taken for a host
    "sqlite://": "in memory is gone when the command ends",
    "sqlite:///:memory:": "in memory is gone when the command ends",
    "postgres://host/db": "got a postgres:// address; write it as postgresql://host/db",
    "postgres://me:s3cret@host/db": r"write it as postgresql://me:\*\*\*@host/db",
    "postgresql+psycopg2://host/db": r"got a postgresql\+psycopg2:// address; write it as postgresql://host/db",
    "postgresql://me@host": "names no database",
    "postgresql://me:s3cret/@@host/db": "has two @; in a password write @ as %40",
    "postgresql://host/db?user=me&password=s3cret": "a password after its question mark",
    "mysql://host/db": "got a mysql address; accepted are sqlite:///FILE.db",
    "nonsense://x": "got a nonsense address",
    "://x": "not a database address",
    "postgresql://host:port/db": "not a database address",  # a port that is no number
}


@pytest.mark.parametrize("text", WRONG)
def test_another_address_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(UsageError, match=WRONG[text]):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///warmboot.db", "warmboot.db"),
        ("sqlite:///runs/warmboot.db", "runs/warmboot.db"),
        ("sqlite:////data/warmboot.db", "/data/warmboot.db"),  # four slashes: absolute
        ("sqlite+pysqlite:///warmboot.db", "warmboot.db"),  # the driver is named
        ("sqlite:///my studies/größe.db", "my studies/größe.db"),
    ],
)
def test_a_sqlite_address_names_its_file(text: str, path: str) -> None:
    assert sqlite_path(parse_address(text)) == Path(path)


@pytest.mark.parametrize(
    "text",
    [
        "mysql://me:s3cret%7B%40@host/db",
        "sqlite://me:s3cret@x.db",
        "postgresql://me:s3cret@host:p/db",
        "postgresql://me:x@s3cret@host/db",  # an @ that should have been written %40
        "postgres://me:x@s3cret@host/db",
        "postgresql://me:s3cret@host",
        "postgresql://host/db?password=s3cret",
        "postgresql://host/db?sslpassword=s3cret",
    ],
)
def test_a_password_is_not_in_the_message(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(text)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_a_postgresql_address_is_one_of_psycopg_3(scheme: str) -> None:
    url = parse_address(f"{scheme}://me:s%7B%40%2F%25@host:6000/db")
    assert (url.drivername, url.password, url.port) == ("postgresql+psycopg", "s{@/%", 6000)
    assert shown(url) == "postgresql+psycopg://me:***@host:6000/db"
    assert without_password(url).render_as_string(hide_password=False) == (
        "postgresql+psycopg://me@host:6000/db"
    )


def test_a_server_is_named_by_its_host_and_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGHOST", raising=False)
    monkeypatch.delenv("PGPORT", raising=False)
    named = {
        "postgresql://host/db": "host, port 5432",
        "postgresql://host:6000/db": "host, port 6000",
        "postgresql:///db?host=/run/postgresql": "/run/postgresql, port 5432",
        "postgresql:///db": "the local socket, port 5432",
    }
    assert {text: server_name(parse_address(text)) for text in named} == named


def test_the_password_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "password.txt"
    path.write_text("p{@/% \n")
    monkeypatch.setenv("WARMBOOT_STORAGE_PASSWORD_FILE", str(path))
    assert storage_address("postgresql://me@host/db").password == "p{@/% "
    assert storage_address("postgresql://me:own@host/db").password == "own"
    assert storage_address("sqlite:///x.db").password is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "can't be read .No such file"),
        (b"", "is empty"),
        (b"\nsecret", "is empty"),  # the first line counts
        (b"\xff\xfe", "it is not UTF-8 text"),
    ],
)
def test_a_password_file_without_a_password_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, problem: str
) -> None:
    path = tmp_path / "password.txt"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("WARMBOOT_STORAGE_PASSWORD_FILE", str(path))
    with pytest.raises(UsageError, match=rf"WARMBOOT_STORAGE_PASSWORD_FILE: .*password\.txt .*{problem}"):
        storage_address("postgresql://me@host/db")


def test_what_was_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMBOOT_STORAGE", "sqlite:///environment.db")
    assert shown(storage_address("sqlite:///given.db")) == "sqlite:///given.db"
    assert shown(storage_address(None)) == "sqlite:///environment.db"


def test_without_either_it_is_a_file_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARMBOOT_STORAGE", raising=False)
    assert sqlite_path(storage_address(None)) == default_folder() / "warmboot.db"
    assert default_folder().is_absolute()


def test_who_has_no_home_is_told_to_name_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WARMBOOT_STORAGE", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)  # a user that no list has
    with pytest.raises(UsageError, match=r"no home folder .* --storage sqlite:///FILE\.db, or in \$WARMBOOT"):
        storage_address(None)


@pytest.mark.parametrize("text", ["", "  "])
def test_a_variable_that_is_set_but_empty_counts_as_unset(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("WARMBOOT_STORAGE", text)
    monkeypatch.setenv("WARMBOOT_STORAGE_PASSWORD_FILE", text)
    assert sqlite_path(storage_address(None)) == default_folder() / "warmboot.db"
    assert storage_address("postgresql://me@host/db").password is None


def test_the_next_command_names_a_storage_that_it_would_not_find_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WARMBOOT_STORAGE", raising=False)
    assert storage_option(storage_address(None)) == ()
    url = parse_address("postgresql://me:s3cret@host/db")
    assert storage_option(url) == ("--storage", "postgresql+psycopg://me@host/db")
    monkeypatch.setenv("WARMBOOT_STORAGE", "postgresql://me@host/db")
    assert storage_option(url) == ()
