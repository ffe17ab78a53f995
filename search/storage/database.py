"""Opening a database of studies, for work or for reading, and the lock that orders changes to it.

Optuna's `RDBStorage` does the storing. What is added for SQLite, in worker engines only: write-ahead logging,
and `BEGIN IMMEDIATE` on every transaction, without which several processes pop the same waiting trial.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from search.errors import RunError, UsageError
from search.storage.address import default_folder, shown, sqlite_path
from search.storage.leases import create_lease_table
from search.storage.seed_claims import create_seed_table

BUSY_TIMEOUT_SECONDS = 60.0


class Database:
    """One database of studies: Optuna's storage, the engine under it, and the lock.

    `lock()` is held by one process at a time over all machines that share the database. It is taken for
    moments (sweep, count, ask), never while training.
    """

    def __init__(self, url: URL, storage: RDBStorage) -> None:
        self.url = url
        self.storage = storage

    @property
    def engine(self) -> Engine:
        return self.storage.engine

    @contextmanager
    def lock(self) -> Iterator[None]:
        with _file_lock(self.url):
            yield

    def close(self) -> None:
        self.storage.remove_session()
        self.engine.dispose()


def open_for_work(url: URL) -> Database:
    """Open a database to run studies in it, creating file and tables where they are missing.

    Raises:
        UsageError: the folder is missing, or the file is no database of this version of Optuna.
        RunError: it can't be written.
    """
    path = sqlite_path(url)
    if not path.parent.exists():
        if path.parent != default_folder():
            raise UsageError(f"--storage: the folder {path.parent} does not exist; create it first.")
        path.parent.mkdir(parents=True)
    if path.exists() and not os.access(path, os.W_OK):  # SQLite itself would notice at the first write
        raise RunError(f"{shown(url)} can't be opened for writing (the file is read-only).")
    with _translated(url), _file_lock(url):
        storage = _rdb_storage(url)
        _write_ahead(storage.engine)
        create_lease_table(storage.engine)
        create_seed_table(storage.engine)
    return Database(url, storage)


def open_for_reading(url: URL) -> Database:
    """Open an existing database to look at it; nothing is created in it.

    Raises:
        UsageError: there is none, or the file is no database of this version of Optuna.
    """
    path = sqlite_path(url)
    if not path.exists():
        raise UsageError(
            f"no studies yet: {shown(url)} does not exist. Start one with: warmboot launch char_lm"
        )
    with _translated(url):
        return Database(url, _rdb_storage(url, skip_table_creation=True))


def _rdb_storage(url: URL, **options: Any) -> RDBStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return RDBStorage(
            url.render_as_string(hide_password=False),
            engine_kwargs={"connect_args": {"timeout": BUSY_TIMEOUT_SECONDS}},
            **options,
        )


def _write_ahead(engine: Engine) -> None:
    """Make every transaction of this engine take SQLite's write lock at its start.

    A transaction that reads first and writes later can't be retried by SQLite when another process wrote in
    between; taking the lock at once turns that failure into a short wait.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    # Connections that creating the tables has left in the pool were made without these events.
    engine.dispose()


def _file_lock(url: URL) -> FileLock:
    return FileLock(f"{sqlite_path(url)}.lock", timeout=BUSY_TIMEOUT_SECONDS)


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    """Turn what drivers raise while opening into one sentence with the address and the way out."""
    try:
        yield
    except (DatabaseError, StorageInternalError) as error:
        # Optuna wraps what happens inside a transaction; what the driver said is then the cause.
        inner = error.__cause__ if isinstance(error, StorageInternalError) else error
        cause = str(getattr(inner, "orig", None) or inner or error)
        raise _explained(url, cause) from error
    except SQLAlchemyError as error:
        raise RunError(f"{shown(url)} can't be used: {error}.") from error
    except OSError as error:  # of the lock file
        reason = error.strerror or error
        raise RunError(f"{shown(url)} can't be opened for writing ({reason}).") from error
    except RuntimeError as error:
        if "optuna" in str(error).lower():
            raise UsageError(
                f"{shown(url)} was made by another version of Optuna: {error} "
                "Use another file, or upgrade it with: optuna storage upgrade"
            ) from error
        raise


def _explained(url: URL, cause: str) -> UsageError | RunError:
    """The error to raise for what the driver said."""
    if sqlite_path(url).is_dir():
        return UsageError(f"{shown(url)} is a folder; name a file in it.")
    if "not a database" in cause or "malformed" in cause:
        return UsageError(f"{shown(url)} is not a SQLite database ({cause}).")
    if "no such table" in cause:
        return UsageError(f"{shown(url)} holds no studies ({cause}).")
    if "readonly" in cause or "unable to open" in cause:
        return RunError(f"{shown(url)} can't be opened for writing ({cause}).")
    return RunError(f"{shown(url)} can't be used: {cause}.")
