"""Storage addresses: where a study's database is, checked before it is touched and shown without secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from search.errors import RunError, UsageError

ENVIRONMENT_VARIABLE = "WARMBOOT_STORAGE"
PASSWORD_FILE_VARIABLE = "WARMBOOT_STORAGE_PASSWORD_FILE"
POSTGRES_DRIVER = "postgresql+psycopg"
DEFAULT_POSTGRES_PORT = 5432
ANOTHER_PLACE = f"name another place with --storage sqlite:///FILE.db, or in ${ENVIRONMENT_VARIABLE}"
_ACCEPTED = (
    "accepted are sqlite:///FILE.db (four slashes for an absolute path) and postgresql://USER@HOST/DATABASE"
)
_PASSWORD_HELP = (
    "in a password write @ as %40, / as %2F, % as %25, or keep it out of the address: "
    f"in a file named by ${PASSWORD_FILE_VARIABLE} or $PGPASSFILE"
)


def storage_address(given: str | None) -> URL:
    """The address to use: what was given, else $WARMBOOT_STORAGE, else a file in the user's data folder.

    A PostgreSQL address without a password gets the one in the file that $WARMBOOT_STORAGE_PASSWORD_FILE
    names; without that, PostgreSQL's own ways apply ($PGPASSFILE, ~/.pgpass, trusted local users).

    Raises:
        UsageError: not an address this version can use; the message tells the right form.
    """
    text = given if given is not None else variable(ENVIRONMENT_VARIABLE)
    if text is None:
        return URL.create("sqlite", database=str(_folder_of_a_known_user() / "warmboot.db"))
    url = parse_address(text)
    password_file = variable(PASSWORD_FILE_VARIABLE)
    if password_file is None or is_sqlite(url) or url.password is not None:
        return url
    return url.set(password=_read_password(Path(password_file)))


def variable(name: str) -> str | None:
    """An environment variable; one that is set but empty counts as unset, as everywhere on such systems."""
    return os.environ.get(name, "").strip() or None


def storage_option(url: URL) -> tuple[str, ...]:
    """The words with which a command finds a storage again; none where it would look there by itself.

    They have no password: that of the next command comes from where it should lie.
    """
    try:
        by_itself = storage_address(None)
    except UsageError:  # what the environment says is of no use, and the next command would say so
        by_itself = None
    same = by_itself is not None and without_password(by_itself) == without_password(url)
    return () if same else ("--storage", shown(without_password(url)))


def default_folder() -> Path:
    """The user's data folder: the one folder that is made where it is missing.

    For a user without a known home, as in some containers, it is no absolute path.
    """
    try:
        return platformdirs.user_data_path("warmboot", appauthor=False)
    except RuntimeError:
        return Path("~/warmboot")


def make_folder(folder: Path) -> None:
    """Make a folder for data.

    Raises:
        RunError: it can't be made, as where a container's user has no home.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"the data folder {folder} can't be made ({reason}); {ANOTHER_PLACE}.") from error


def _folder_of_a_known_user() -> Path:
    folder = default_folder()
    if not folder.is_absolute():
        raise UsageError(f"this user has no home folder to keep studies in; {ANOTHER_PLACE}.")
    return folder


def parse_address(text: str) -> URL:
    """Check one storage address.

    >>> parse_address("sqlite:///runs/warmboot.db").database
    'runs/warmboot.db'
    >>> parse_address("postgresql://ada@db.example/warmboot").drivername
    'postgresql+psycopg'
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
    except (ArgumentError, ValueError):  # which may quote the password: it is not kept as the cause
        raise UsageError(f"--storage: not a database address; {_ACCEPTED}; {_PASSWORD_HELP}.") from None
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        return _check_sqlite(url)
    if url.drivername in ("postgresql", POSTGRES_DRIVER):
        return _check_postgres(url)
    if url.get_backend_name() in ("postgres", "postgresql"):
        right = shown(url.set(drivername="postgresql")) if "@" not in (url.host or "") else "postgresql://..."
        raise UsageError(f"--storage: got a {url.drivername}:// address; write it as {right}")
    raise UsageError(f"--storage: got a {url.drivername} address; {_ACCEPTED}.")


def shown(url: URL) -> str:
    """The address without its password, for people and logs."""
    return url.render_as_string(hide_password=True)


def without_password(url: URL) -> URL:
    """The address as an engine may hold it: nothing that prints it can show the password."""
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query)


def is_sqlite(url: URL) -> bool:
    """Whether studies lie in a file of this machine, rather than on a server."""
    return url.get_backend_name() == "sqlite"


def sqlite_path(url: URL) -> Path:
    """The file of a SQLite address."""
    assert url.database is not None
    return Path(url.database)


def server_name(url: URL) -> str:
    """Host and port of a PostgreSQL address, as a person would look for them.

    >>> server_name(parse_address("postgresql://ada@db.example/warmboot"))
    'db.example, port 5432'
    """
    host = url.host or _text(url.query, "host") or os.environ.get("PGHOST") or "the local socket"
    port = url.port or _text(url.query, "port") or os.environ.get("PGPORT") or DEFAULT_POSTGRES_PORT
    return f"{host}, port {port}"


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


def _check_postgres(url: URL) -> URL:
    url = url.set(drivername=POSTGRES_DRIVER)
    if "@" in (url.host or ""):  # what stands before it is a part of the password
        raise UsageError(f"--storage: the address has two @; {_PASSWORD_HELP}.")
    if any("password" in key for key in url.query):  # it would be shown with the address
        raise UsageError(
            f"--storage: the address has a password after its question mark; "
            f"write it as USER:PASSWORD@HOST; {_PASSWORD_HELP}."
        )
    if not url.database:
        raise UsageError(f"--storage: got {shown(url)}, which names no database; {_ACCEPTED}.")
    return url


def _read_password(path: Path) -> str:
    """The first line of a secrets file.

    Raises:
        UsageError: it can't be read, or is empty.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            password = file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"${PASSWORD_FILE_VARIABLE}: {path} can't be read ({reason}).") from error
    if not password:
        raise UsageError(f"${PASSWORD_FILE_VARIABLE}: {path} is empty; write the password as its first line.")
    return password


def _text(query: Mapping[str, tuple[str, ...] | str], key: str) -> str | None:
    value = query.get(key)
    return ",".join(value) if isinstance(value, tuple) else value
