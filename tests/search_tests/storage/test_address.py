"""Storage addresses: the right form is told, and a password is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.errors import UsageError
from search.storage.address import default_folder, parse_address, shown, sqlite_path, storage_address

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
    "postgres://host/db": "got a postgres address; this version keeps studies in SQLite only",
    "postgresql+psycopg://host/db": r"got a postgresql\+psycopg address",
    "mysql://host/db": "got a mysql address",
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
    ["postgresql://me:s3cret%7B%40@host/db", "sqlite://me:s3cret@x.db", "postgresql://me:s3cret@host:p/db"],
)
def test_a_password_is_not_in_the_message(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(text)
    assert "s3cret" not in str(caught.value)


def test_what_was_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMBOOT_STORAGE", "sqlite:///environment.db")
    assert shown(storage_address("sqlite:///given.db")) == "sqlite:///given.db"
    assert shown(storage_address(None)) == "sqlite:///environment.db"


def test_without_either_it_is_a_file_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARMBOOT_STORAGE", raising=False)
    assert sqlite_path(storage_address(None)) == default_folder() / "warmboot.db"
    assert default_folder().is_absolute()


def test_an_empty_environment_variable_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMBOOT_STORAGE", "")
    with pytest.raises(UsageError, match="empty address"):
        storage_address(None)
