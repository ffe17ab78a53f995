"""Opening a database of studies, for work or for reading, and the lock that orders changes to it.

Optuna's `RDBStorage` does the storing. What each kind of database needs besides is in `sqlite` and
`postgres`: how to connect, how to lock, and what its errors mean. What can't be done now is tried again, see
`patience`.
"""

from __future__ import annotations

import shlex
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeVar

from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError, ProgrammingError, SQLAlchemyError

from search.errors import RunError, UsageError
from search.storage.address import is_sqlite, shown, without_password
from search.storage.leases import RENEW_SECONDS, create_lease_table
from search.storage.optuna_tables import are_known
from search.storage.patience import Patience, Trier, Trouble
from search.storage.postgres import PostgresBackend
from search.storage.rdb_storage import driver_error, is_optunas
from search.storage.seed_claims import create_seed_table
from search.storage.sqlite import SqliteBackend, SqliteReading

if TYPE_CHECKING:
    from optuna.storages import BaseStorage, RDBStorage

T = TypeVar("T")
_EXPLAINED = (OperationalError, ProgrammingError, InternalError)
"""What a driver says of the database, not of what is written: a sentence for a person."""
_TABLES_CHANGED = (
    "the tables of {} were changed by another version of Optuna while they were used; results so far are "
    "kept. Use that version here as well, and run the same command to resume."
)


class Backend(Protocol):
    """The differences between kinds of database, and between working and reading. One object serves one
    address in one process."""

    def check(self) -> None:
        """Refuse, in a sentence, what the driver would notice late or explain badly."""

    def storage(self) -> RDBStorage:
        """Connect, for Optuna."""

    def watched(self) -> AbstractContextManager[None]:
        """Around each unit of work: notices what happens to the database itself."""

    def lock(self) -> AbstractContextManager[None]:
        """Held by one at a time over all processes and machines; released when its process dies."""

    def explained(self, cause: str, *, in_use: bool = False) -> UsageError | RunError:
        """The error to raise for what the driver said while opening, or later (`in_use`)."""

    def trouble(self, error: Exception) -> Trouble | None:
        """A trouble that passes by itself (a server that is away, a lock that is kept); None: any other."""

    def close(self) -> None: ...


class ReadingBackend(Backend, Protocol):
    """The same of a database that is only looked at."""

    def engine(self) -> Engine:
        """Connect, without Optuna."""


class Database:
    """One database of studies: Optuna's storage, the engine under it, and the lock.

    The lock is held by one process at a time over all machines that share the database. It is taken for
    moments (sweep, count, ask), never while training.

    Args:
        url: its address.
        backend: of its kind.
        rdb: Optuna's storage; None: it is made where it is asked for.
        engine: with which it is read in that case; its tables are known.

    Attributes:
        engine: of SQLAlchemy.
    """

    def __init__(
        self, url: URL, backend: Backend, rdb: RDBStorage | None = None, engine: Engine | None = None
    ) -> None:
        self.url = url
        self.engine: Engine
        if engine is not None:
            self.engine = engine
        else:
            assert rdb is not None, "a database is connected to in one of two ways"
            self.engine = rdb.engine
        self.needs_no_optuna = rdb is None
        """Whether what is asked of its studies is read without Optuna."""
        self._backend = backend
        self._opened = [] if rdb is None else [rdb]
        self._trier = Trier(backend.trouble, backend.watched, self._lasting)
        # However the process ends, but for a kill: the last to work on a file leaves it whole.
        self._close = weakref.finalize(self, _close, self._opened, self.engine, backend)

    @cached_property
    def rdb(self) -> RDBStorage:
        """Optuna's storage as it is."""
        if not self._opened:
            self._opened.append(self._trier(self._backend.storage))
        return self._opened[0]

    @cached_property
    def storage(self) -> BaseStorage:
        """The same with patience: what can't be done now is tried again."""
        from search.storage.patient_storage import patient_storage

        return patient_storage(self.rdb, self._trier)

    @cached_property
    def knows_tables(self) -> bool:
        """Whether Optuna's tables are those that are read and written here without it."""
        return self.needs_no_optuna or self._trier(lambda: are_known(self.engine))

    @property
    def patience(self) -> Patience:
        """How long is waited for the database, and who is told."""
        return self._trier.patience

    @patience.setter
    def patience(self, patience: Patience) -> None:
        self._trier.patience = patience

    def cached_storage(self) -> BaseStorage:
        """`storage` with a memory of the finished trials it has read, as Optuna's studies have it."""
        from optuna.storages import get_storage

        from search.storage.patient_storage import patient_storage

        return patient_storage(get_storage(self.rdb), self._trier)

    @property
    def just_back(self) -> bool:
        """Whether it could not be used a moment ago, so that others may not have renewed their leases yet."""
        return time.monotonic() - self._trier.last_trouble_at < RENEW_SECONDS

    def patiently(self, work: Callable[[], T]) -> T:
        """Do what asks the database, once more from its start for as long as that is away or locked; raises
        `StorageAwayError` where that was too long, or the waiting was ended."""
        return self._trier(work)

    def locked(self, work: Callable[[], T]) -> T:
        """`patiently`, under the lock."""

        def under_lock() -> T:
            with self.lock():
                return work()

        return self._trier(under_lock)

    def lock(self) -> AbstractContextManager[None]:
        """The lock itself, without patience."""
        return self._backend.lock()

    def _lasting(self, error: Exception) -> Exception | None:
        """The error to raise for a driver's error that does not pass; None: none, or its caller knows it."""
        inner = driver_error(error) if isinstance(error, _EXPLAINED) or is_optunas(error) else None
        if inner is None:
            return None
        if self._knew_tables() and not self._are_tables_known():
            return RunError(_TABLES_CHANGED.format(shown(self.url)))
        return self._backend.explained(str(inner.orig), in_use=True)

    def _knew_tables(self) -> bool:
        """Whether they were known when that was asked."""
        return self.needs_no_optuna or bool(self.__dict__.get("knows_tables"))

    def _are_tables_known(self) -> bool:
        try:
            return are_known(self.engine)
        except SQLAlchemyError:  # gone altogether, which is told in other words
            return True

    def close(self) -> None:
        """End all connections; done at the end of the process at the latest."""
        self._close()


def _close(opened: Sequence[RDBStorage], engine: Engine, backend: Backend) -> None:
    for rdb in opened:
        rdb.remove_session()
        rdb.engine.dispose()
    engine.dispose()
    backend.close()


def open_for_work(url: URL, patience: Patience | None = None) -> Database:
    """Open a database to run studies in it, creating file and tables where they are missing.

    Args:
        url: where it is.
        patience: with a database that is away, from now on; None: away now is an error, later it is waited
            for a little.

    Raises:
        UsageError: the folder or the driver is missing, or it is no database of this version of Optuna.
        RunError: it can't be reached or written.
    """
    backend = SqliteBackend(url) if is_sqlite(url) else PostgresBackend(url)
    backend.check()
    with _opening(url, backend):
        storage = _opener(backend, patience)(lambda: _with_tables(backend))
    database = Database(url, backend, storage)
    if patience is not None:
        database.patience = patience
    return database


def open_for_reading(url: URL) -> Database:
    """Open an existing database to look at it; nothing is created in it or beside it.

    Raises:
        UsageError: there is none, or it is no database of this version of Optuna.
        RunError: it can't be reached.
    """
    backend: ReadingBackend = SqliteReading(url) if is_sqlite(url) else PostgresBackend(url, reading=True)
    backend.check()
    with _opening(url, backend):
        trier = Trier(lambda error: _without_end(backend.trouble(error)), backend.watched)
        engine = trier(backend.engine)
        if trier(lambda: are_known(engine)):
            return Database(url, backend, engine=engine)
        engine.dispose()
        storage = trier(backend.storage)
    return Database(url, backend, storage)


def _with_tables(backend: Backend) -> RDBStorage:
    with backend.lock():
        storage = backend.storage()
        create_lease_table(storage.engine)
        create_seed_table(storage.engine)
    return storage


def _opener(backend: Backend, patience: Patience | None) -> Trier:
    """Tries again to open: what is locked always, what is away only with patience for it."""
    if patience is None:
        return Trier(lambda error: _without_end(backend.trouble(error)))
    trier = Trier(backend.trouble)
    trier.patience = patience
    return trier


def _without_end(trouble: Trouble | None) -> Trouble | None:
    return None if trouble is None or trouble.ends else trouble


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
    except SQLAlchemyError as error:
        inner = driver_error(error)
        if isinstance(error, DatabaseError):
            raise backend.explained(str(error if inner is None else inner.orig)) from error
        raise RunError(f"{shown(url)} can't be used: {error}.") from error
    except OSError as error:  # of the lock file
        reason = error.strerror or error
        raise RunError(f"{shown(url)} can't be opened for writing ({reason}).") from error
    except RuntimeError as error:
        if isinstance(error, RunError) or "optuna" not in str(error).lower():
            raise
        upgrade = ["optuna", "storage", "upgrade", "--storage", shown(without_password(url))]
        raise UsageError(
            f"{shown(url)} was made by another version of Optuna: {error} "
            f"Use another one, or upgrade it with: {shlex.join(upgrade)}"
        ) from error
    except Exception as error:
        if not is_optunas(error):
            raise
        inner = driver_error(error)
        raise backend.explained(str(error if inner is None else inner.orig)) from error
