"""Storage addresses: where a study's database is, checked before it is touched and shown without secrets."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from search.errors import UsageError

ENVIRONMENT_VARIABLE = "WARMBOOT_STORAGE"
_ACCEPTED = "accepted is sqlite:///FILE.db (four slashes for an absolute path)"


def storage_address(given: str | None) -> URL:
    """The address to use: what was given, else $WARMBOOT_STORAGE, else a file in the user's data folder.

    Raises:
        UsageError: not an address this version can use; the message tells the right form.
    """
    text = given if given is not None else os.environ.get(ENVIRONMENT_VARIABLE)
    if text is None:
        return URL.create("sqlite", database=str(default_folder() / "warmboot.db"))
    return parse_address(text)


def default_folder() -> Path:
    """The user's data folder: the one folder that is made where it is missing."""
    return platformdirs.user_data_path("warmboot", appauthor=False)


def parse_address(text: str) -> URL:
    """Check one storage address.

    >>> parse_address("sqlite:///runs/warmboot.db").database
    'runs/warmboot.db'
    >>> parse_address("runs/warmboot.db")
    Traceback (most recent call last):
    search.errors.UsageError: --storage: got a path; write it as sqlite:///runs/warmboot.db
    """
    if "://" not in text:
        if not text.strip():
            raise UsageError(f"--storage: got an empty address; {_ACCEPTED}.")
        raise UsageError(f"--storage: got a path; write it as sqlite:///{text}")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise UsageError(f"--storage: not a database address; {_ACCEPTED}.") from error
    if url.get_backend_name() == "sqlite":
        return _check_sqlite(url)
    raise UsageError(
        f"--storage: got a {url.drivername} address; this version keeps studies in SQLite only: {_ACCEPTED}."
    )


def _check_sqlite(url: URL) -> URL:
    if url.host:
        raise UsageError(
            f"--storage: got {shown(url)}, which names a host; SQLite needs three slashes: "
            f"sqlite:///{url.host}{'/' + url.database if url.database else ''}"
        )
    if not url.database or url.database == ":memory:":
        raise UsageError(
            "--storage: a database in memory is gone when the command ends and its workers can't "
            f"see it; {_ACCEPTED}."
        )
    return url


def shown(url: URL) -> str:
    """The address without its password, for people and logs."""
    return url.render_as_string(hide_password=True)


def sqlite_path(url: URL) -> Path:
    """The file of a SQLite address."""
    assert url.database is not None
    return Path(url.database)
