"""What may be wrong with a database of studies itself, and what to do about it; nothing is changed in it."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from search.durations import duration_text
from search.errors import RunError, UsageError
from search.storage.address import ANOTHER_PLACE, is_sqlite, shown, sqlite_path, storage_option
from search.storage.clock import server_now
from search.storage.database import Database, open_for_reading
from search.storage.leases import LEASE_TABLE
from search.storage.lock_holder import holder_of
from search.storage.optuna_tables import KNOWN_REVISION, VERSION
from search.storage.seed_claims import SEED_TABLE

LEAST_FREE_BYTES = 200 * 2**20
"""On the disk of a file: a study of 10,000 trials takes some 50 MB, and SQLite's log as much again."""
LARGEST_CLOCK_DIFFERENCE_SECONDS = 60.0
RESTORE = "restore it from a backup"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    about: str
    """In a word."""
    ok: bool
    text: str
    do: str = ""
    """What to do where it is not ok."""


def check_database(url: URL) -> tuple[list[Finding], Database | None]:
    """Look at a database as far as it can be reached; it too, opened for reading, where it can."""
    try:
        database = open_for_reading(url)
    except (UsageError, RunError) as error:  # each says what it is and the way out
        return [Finding("storage", False, str(error), _reach(url)), *_of_file(url)], None
    found = [Finding("storage", True, f"{shown(url)} can be read")]
    try:
        found += [_tables(database), *_of_file(url), *_of_server(database)]
    except DBAPIError as error:
        said = str(error.orig).splitlines()[0]
        do = RESTORE if is_sqlite(url) else "look into the server's own log"
        found.append(Finding("storage", False, f"{shown(url)}: {said}", do))
    return found, database


def _reach(url: URL) -> str:
    return "" if is_sqlite(url) else "start the server, or see whether host, port and login are right"


def _tables(database: Database) -> Finding:
    """Optuna's and ours."""
    url, names = database.url, set(inspect(database.engine).get_table_names())
    if not database.knows_tables:
        with database.engine.connect() as connection:
            version = connection.scalar(select(VERSION.c.schema_version))
        told = f"Optuna's tables are of another version ({version}) than {KNOWN_REVISION}, the one known here"
        return Finding("tables", True, f"{told}: all works, more slowly")
    if not {LEASE_TABLE, SEED_TABLE} <= names:
        migrate = shlex.join(["warmboot", "migrate", *storage_option(url)])
        return Finding("tables", False, "Warmboot's own tables are missing", f"make them with: {migrate}")
    return Finding("tables", True, f"Optuna's and Warmboot's tables are there, version {KNOWN_REVISION}")


def _of_file(url: URL) -> Iterator[Finding]:
    """Rights, room, soundness, and who keeps the lock."""
    if not is_sqlite(url) or not (path := sqlite_path(url)).parent.is_dir():
        return
    yield _rights(path)
    free = shutil.disk_usage(path.parent).free
    room = f"{free / 2**30:.1f} GB are free in {path.parent.absolute()}"
    yield Finding("disk", free >= LEAST_FREE_BYTES, room, f"make room there, or {ANOTHER_PLACE}")
    lock = Path(f"{path}.lock")
    if lock.exists() and "which is stopped" in (holder := holder_of([lock, path])):
        yield Finding("lock", False, f"{holder}, keeps the lock", "continue or end that process")


def _rights(path: Path) -> Finding:
    folder = path.parent
    shut = [str(place) for place in (path, folder) if place.exists() and not os.access(place, os.W_OK)]
    if shut:
        what = f"{' and '.join(shut)} can't be written by this user"
        return Finding("rights", False, what, f"give this user the right to write there, or {ANOTHER_PLACE}")
    return Finding("rights", True, f"{path} can be {'written' if path.exists() else 'made'}")


def _of_server(database: Database) -> Iterator[Finding]:
    """Rights and clock of a server, soundness of a file."""
    with database.engine.connect() as connection:
        if is_sqlite(database.url):
            said = [str(line) for line in connection.scalars(text("PRAGMA quick_check(3)"))]
            what = "the file is sound" if said == ["ok"] else f"the file is damaged: {'; '.join(said)}"
            yield Finding("file", said == ["ok"], what, RESTORE)
            return
        only_reads = connection.scalar(text("SHOW transaction_read_only")) == "on"
        may_write = bool(connection.scalar(text("SELECT has_table_privilege('trials', 'INSERT, UPDATE')")))
        what = "can only be read" if only_reads else "may not be written by this user"
        ok = may_write and not only_reads
        yield Finding(
            "rights",
            ok,
            "it can be written" if ok else f"the database {what}",
            "name the primary server" if only_reads else "log in as the role of workers",
        )
        ahead = float(connection.scalar(select(server_now())) or 0.0) - time.time()
        yield _clock(ahead)


def _clock(ahead_seconds: float) -> Finding:
    """Leases go by the server's clock; what people are shown, by their own."""
    difference = duration_text(abs(ahead_seconds))
    if abs(ahead_seconds) <= LARGEST_CLOCK_DIFFERENCE_SECONDS:
        return Finding("clock", True, "this machine and the server tell the same time")
    which = "behind" if ahead_seconds > 0 else "ahead of"
    what = f"this machine's clock is {difference} {which} the server's; leases go by the server's"
    return Finding("clock", False, what, "set the clock that is wrong, for example with NTP")
