"""Opening a database of studies, for work or for reading, and the lock that orders changes to it.

Optuna's `RDBStorage` does the storing. What each kind of database needs besides is in `sqlite` and
`postgres`: how to connect, how to lock, and what its errors mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from search.errors import RunError, UsageError
from search.storage.address import is_sqlite, shown
from search.storage.leases import create_lease_table
from search.storage.postgres import PostgresBackend
from search.storage.seed_claims import create_seed_table
from search.storage.sqlite import SqliteBackend


class Backend(Protocol):
    """What differs between kinds of database. One object serves one address in one process."""

    def check_for_work(self) -> None:
        """Refuse, in a sentence, what the driver would notice late or explain badly."""

    def check_for_reading(self) -> None:
        """As `check_for_work`, for a database that has to exist."""

    def storage(self, *, create_tables: bool) -> RDBStorage:
        """Connect as a worker (`create_tables`) or as somebody who looks on."""

    def lock(self) -> AbstractContextManager[None]:
        """Held by one at a time over all processes and machines; released when its process dies."""

    def explained(self, cause: str) -> UsageError | RunError:
        """The error to raise for what the driver said while opening."""

    def close(self) -> None: ...


class Database:
    """One database of studies: Optuna's storage, the engine under it, and the lock.

    `lock()` is held by one process at a time over all machines that share the database. It is taken for
    moments (sweep, count, ask), never while training.
    """

    def __init__(self, url: URL, storage: RDBStorage, backend: Backend) -> None:
        self.url = url
        self.storage = storage
        self._backend = backend

    @property
    def engine(self) -> Engine:
        return self.storage.engine

    def lock(self) -> AbstractContextManager[None]:
        return self._backend.lock()

    def close(self) -> None:
        self.storage.remove_session()
        self.engine.dispose()
        self._backend.close()


def open_for_work(url: URL) -> Database:
    """Open a database to run studies in it, creating file and tables where they are missing.

    Raises:
        UsageError: the folder or the driver is missing, or it is no database of this version of Optuna.
        RunError: it can't be reached or written.
    """
    backend = _backend(url)
    backend.check_for_work()
    with _opening(url, backend), backend.lock():
        storage = backend.storage(create_tables=True)
        create_lease_table(storage.engine)
        create_seed_table(storage.engine)
    return Database(url, storage, backend)


def open_for_reading(url: URL) -> Database:
    """Open an existing database to look at it; nothing is created in it.

    Raises:
        UsageError: there is none, or it is no database of this version of Optuna.
        RunError: it can't be reached.
    """
    backend = _backend(url)
    backend.check_for_reading()
    with _opening(url, backend):
        return Database(url, backend.storage(create_tables=False), backend)


def _backend(url: URL) -> Backend:
    return SqliteBackend(url) if is_sqlite(url) else PostgresBackend(url)


@contextmanager
def _opening(url: URL, backend: Backend) -> Iterator[None]:
    """Close what was opened where the rest can't be."""
    try:
        with _translated(url, backend):
            yield
    except BaseException:
        backend.close()
        raise


@contextmanager
def _translated(url: URL, backend: Backend) -> Iterator[None]:
    """Turn what drivers raise while opening into one sentence with the address and the way out."""
    try:
        yield
    except (DatabaseError, StorageInternalError) as error:
        # Optuna wraps what happens inside a transaction; what the driver said is then the cause.
        inner = error.__cause__ if isinstance(error, StorageInternalError) else error
        cause = str(getattr(inner, "orig", None) or inner or error)
        raise backend.explained(cause) from error
    except SQLAlchemyError as error:
        raise RunError(f"{shown(url)} can't be used: {error}.") from error
    except OSError as error:  # of the lock file
        reason = error.strerror or error
        raise RunError(f"{shown(url)} can't be opened for writing ({reason}).") from error
    except RuntimeError as error:
        if isinstance(error, RunError) or "optuna" not in str(error).lower():
            raise
        raise UsageError(
            f"{shown(url)} was made by another version of Optuna: {error} "
            "Use another one, or upgrade it with: optuna storage upgrade"
        ) from error
