"""SQLite: a file that several processes of one machine work on.

Two things are added to what SQLAlchemy does, in worker engines only: write-ahead logging, and `BEGIN
IMMEDIATE` on every transaction, without which several processes pop the same waiting trial. When the last
that works on a file closes it, it is one ordinary file again, which any program may read.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL

from search.errors import RunError, UsageError
from search.storage.address import ANOTHER_PLACE, default_folder, make_folder, shown, sqlite_path
from search.storage.lock_holder import holder_of
from search.storage.patience import LockHeldError, Trouble
from search.storage.rdb_storage import driver_error, rdb_storage
from search.storage.sqlite_reading import ChangedWhileReadError, ReadOnlyFile

if TYPE_CHECKING:
    from filelock import FileLock
    from optuna.storages import RDBStorage

BUSY_TIMEOUT_SECONDS = 5.0  # then the wait is interrupted for a moment, and tried again
_READ_ONLY_CODES = ("SQLITE_READONLY", "SQLITE_READONLY_DIRECTORY", "SQLITE_READONLY_ROLLBACK")
"""Of what could be written before: a file system goes read-only when its disk fails, and may come back."""


class SqliteBackend:
    """One SQLite file; the lock is a file beside it."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._path = sqlite_path(url)
        self._opened: tuple[int, int] | None = None

    def check(self) -> None:
        folder = self._path.parent
        if not folder.exists():
            if folder != default_folder():
                raise UsageError(f"--storage: the folder {folder} does not exist; create it first.")
            make_folder(folder)
        if not os.access(folder, os.W_OK | os.X_OK):
            problem = f"can't be opened for writing (nor anything else in {folder}, by this user)"
            raise RunError(f"{shown(self._url)} {problem}; {ANOTHER_PLACE}.")
        if not self._path.exists():
            self._check_that_files_can_be_made(folder)
        # SQLite itself would notice at the first write
        if self._path.exists() and not os.access(self._path, os.W_OK):
            raise RunError(f"{shown(self._url)} can't be opened for writing (the file is read-only).")

    def _check_that_files_can_be_made(self, folder: Path) -> None:
        """Some folders say that they can be written and take no file; a lock there would be waited for."""
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            reason = (error.strerror or "").lower()
            problem = f"can't be made, nor any other file in {folder} ({reason})"
            raise RunError(f"{shown(self._url)} {problem}; {ANOTHER_PLACE}.") from error

    def storage(self) -> RDBStorage:
        connect_args = {"timeout": BUSY_TIMEOUT_SECONDS}
        storage = rdb_storage(self._url, create_tables=True, engine_kwargs={"connect_args": connect_args})
        _write_ahead(storage.engine)
        self._opened = _identity(self._path)
        return storage

    def watched(self) -> AbstractContextManager[None]:
        """Notice a file that is another one now: what is stored in the old one would be lost.

        Raises:
            RunError: it was deleted, moved or replaced.
        """
        now = _identity(self._path)
        if self._opened is not None and now != self._opened:
            what = "deleted or moved" if now is None else "replaced by another file"
            raise RunError(
                f"{shown(self._url)} was {what} while it was used; what is stored from now on would be lost. "
                "Put it back where it was, and run the same command to resume."
            )
        return contextlib.nullcontext()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """A lock on a file beside the database.

        Raises:
            LockHeldError: another process has kept it for `BUSY_TIMEOUT_SECONDS`.
        """
        lock = _file_lock(self._path, timeout_seconds=BUSY_TIMEOUT_SECONDS)
        try:
            lock.acquire()
        except TimeoutError as error:
            who = holder_of([Path(lock.lock_file)])
            raise LockHeldError(f"{shown(self._url)}: {who} keeps the lock") from error
        try:
            yield
        finally:
            lock.release()

    def explained(self, cause: str, *, in_use: bool = False) -> UsageError | RunError:
        address = shown(self._url)
        unwritable = "readonly" in cause or "unable to open" in cause
        if unwritable and not self._path.is_dir():
            return RunError(f"{address} can't be opened for writing ({cause}).")
        return _explained(self._url, cause)

    def trouble(self, error: Exception) -> Trouble | None:
        if self._opened is not None and _code(error) in _READ_ONLY_CODES:
            file = shown(self._url)
            return Trouble(
                f"{file}: the disk or the file is read-only; results are held until it can be written",
                over=f"{file}: it can be written again",
            )
        return _trouble(self._url, error)

    def close(self) -> None:
        """Leave one ordinary file, unless others still work on it; they will then."""
        if self._opened is None or _identity(self._path) != self._opened:
            return
        with contextlib.suppress(sqlite3.Error, OSError):
            rest(self._path)


class SqliteReading:
    """One SQLite file for reading only; see `sqlite_reading`."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._path = sqlite_path(url)
        self._file = ReadOnlyFile(self._path)

    def check(self) -> None:
        if not self._path.exists():
            raise UsageError(
                f"no studies yet: {shown(self._url)} does not exist. Start one with: warmboot launch char_lm"
            )
        if not os.access(self._path, os.R_OK):
            raise RunError(f"{shown(self._url)} can't be read by this user.")

    def engine(self) -> Engine:
        return create_engine(self._url, **self._engine_kwargs())

    def storage(self) -> RDBStorage:
        return rdb_storage(self._url, create_tables=False, engine_kwargs=self._engine_kwargs())

    def _engine_kwargs(self) -> dict[str, Any]:
        # A connection for each transaction: the next may find the file in another state.
        return {"creator": self._file.connect, "poolclass": NullPool}

    def lock(self) -> AbstractContextManager[None]:
        raise AssertionError("who looks changes nothing, so there is nothing to lock")

    def watched(self) -> AbstractContextManager[None]:
        if not self._path.exists():
            raise RunError(f"{shown(self._url)} was deleted or moved while it was looked at.")
        return self._file.unchanged()

    def explained(self, cause: str, *, in_use: bool = False) -> UsageError | RunError:
        if "readonly" in cause:
            return RunError(f"{shown(self._url)} was opened for reading only ({cause}).")
        return _explained(self._url, cause)

    def trouble(self, error: Exception) -> Trouble | None:
        if isinstance(error, ChangedWhileReadError):
            return LockHeldError(f"{shown(self._url)} changes all the time").trouble
        return _trouble(self._url, error)

    def close(self) -> None:
        self._file.close()


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file it is, whatever its name; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def rest(path: Path) -> None:
    """Make one ordinary file of a database and what is beside it.

    Raises:
        sqlite3.OperationalError: it is in use.
        TimeoutError: another process keeps the lock.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0.0)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
    finally:
        connection.close()
    # A lock on a file that was removed locks nothing, which a process that waits for it notices.
    lock = _file_lock(path, timeout_seconds=0.0)
    with lock:
        Path(lock.lock_file).unlink(missing_ok=True)


def _file_lock(path: Path, *, timeout_seconds: float) -> FileLock:
    """The lock file; all users who may write the database may lock it."""
    from filelock import FileLock  # imports asyncio, which who only looks does without

    mode = path.stat().st_mode & 0o666 if path.exists() else -1
    return FileLock(f"{path}.lock", timeout=timeout_seconds, mode=mode)


def _explained(url: URL, cause: str) -> UsageError | RunError:
    address = shown(url)
    if sqlite_path(url).is_dir():
        return UsageError(f"{address} is a folder; name a file in it.")
    if "malformed" in cause:
        return RunError(f"{address} is damaged ({cause}); restore it from a backup.")
    if "not a database" in cause:
        return UsageError(f"{address} is not a SQLite database ({cause}).")
    if "no such table" in cause:
        return UsageError(f"{address} holds no studies ({cause}).")
    return RunError(f"{address} can't be used: {cause}.")


def _trouble(url: URL, error: Exception) -> Trouble | None:
    if isinstance(error, LockHeldError):
        return error.trouble
    code = _code(error)
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        path = sqlite_path(url)
        who = holder_of([path, path.with_name(f"{path.name}-shm")])
        return LockHeldError(f"{shown(url)}: {who} keeps writing").trouble
    if code == "SQLITE_FULL":
        return Trouble(
            f"{shown(url)}: the disk is full; results are held until there is room",
            over=f"{shown(url)}: there is room again",
        )
    if code.startswith("SQLITE_IOERR"):
        return Trouble(
            f"{shown(url)}: the disk does not do its work ({code})",
            over=f"{shown(url)}: the disk does its work again",
        )
    return None


def _code(error: Exception) -> str:
    """SQLite's own name for what it could not do; empty where it was something else."""
    inner = driver_error(error)
    return "" if inner is None else str(getattr(inner.orig, "sqlite_errorname", ""))


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
