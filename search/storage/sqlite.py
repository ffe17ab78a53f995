"""SQLite: a file that several processes of one machine work on.

Two things are added to what SQLAlchemy does, in worker engines only: write-ahead logging, and `BEGIN
IMMEDIATE` on every transaction, without which several processes pop the same waiting trial.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from filelock import FileLock, Timeout
from optuna.storages import RDBStorage
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL

from search.errors import RunError, UsageError
from search.storage.address import default_folder, shown, sqlite_path
from search.storage.patience import LockHeldError, Trouble
from search.storage.rdb_storage import driver_error, rdb_storage

BUSY_TIMEOUT_SECONDS = 5.0  # then whoever waits looks up from it, and tries again


class SqliteBackend:
    """One SQLite file; the lock is a file beside it."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._path = sqlite_path(url)

    def check_for_work(self) -> None:
        folder = self._path.parent
        if not folder.exists():
            if folder != default_folder():
                raise UsageError(f"--storage: the folder {folder} does not exist; create it first.")
            folder.mkdir(parents=True)
        # SQLite itself would notice at the first write
        if self._path.exists() and not os.access(self._path, os.W_OK):
            raise RunError(f"{shown(self._url)} can't be opened for writing (the file is read-only).")

    def check_for_reading(self) -> None:
        if not self._path.exists():
            raise UsageError(
                f"no studies yet: {shown(self._url)} does not exist. Start one with: warmboot launch char_lm"
            )

    def storage(self, *, create_tables: bool) -> RDBStorage:
        connect_args = {"timeout": BUSY_TIMEOUT_SECONDS}
        storage = rdb_storage(
            self._url, create_tables=create_tables, engine_kwargs={"connect_args": connect_args}
        )
        if create_tables:
            _write_ahead(storage.engine)
        return storage

    @contextmanager
    def lock(self) -> Iterator[None]:
        """A lock on a file beside the database.

        Raises:
            LockHeldError: another process has kept it for `BUSY_TIMEOUT_SECONDS`.
        """
        lock = FileLock(f"{self._path}.lock", timeout=BUSY_TIMEOUT_SECONDS)
        try:
            lock.acquire()
        except Timeout as error:
            raise LockHeldError(f"{shown(self._url)}: another process has kept the lock") from error
        try:
            yield
        finally:
            lock.release()

    def explained(self, cause: str) -> UsageError | RunError:
        address = shown(self._url)
        if self._path.is_dir():
            return UsageError(f"{address} is a folder; name a file in it.")
        if "not a database" in cause or "malformed" in cause:
            return UsageError(f"{address} is not a SQLite database ({cause}).")
        if "no such table" in cause:
            return UsageError(f"{address} holds no studies ({cause}).")
        if "readonly" in cause or "unable to open" in cause:
            return RunError(f"{address} can't be opened for writing ({cause}).")
        return RunError(f"{address} can't be used: {cause}.")

    def trouble(self, error: Exception) -> Trouble | None:
        if isinstance(error, LockHeldError):
            return error.trouble
        inner = driver_error(error)
        code = "" if inner is None else str(getattr(inner.orig, "sqlite_errorname", ""))
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return LockHeldError(f"{shown(self._url)}: another process keeps writing").trouble
        if code == "SQLITE_FULL":
            return Trouble(f"{shown(self._url)}: the disk is full; results are held until there is room")
        if code.startswith("SQLITE_IOERR"):
            return Trouble(f"{shown(self._url)}: the disk does not do its work ({code})")
        return None

    def close(self) -> None:
        """The lock file is closed whenever the lock is free."""


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
