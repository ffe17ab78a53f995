"""PostgreSQL: a server that a team's machines share, through psycopg 3.

Added to what SQLAlchemy does: connections that died in the pool are replaced, every session counts time in
UTC, an address without an answer is given up within seconds, and the lock is an advisory lock of the server,
which frees it when the process that holds it is gone. The password stays out of the engine's address, so
that nothing that prints an address can show it.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, bindparam, create_engine, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from search.errors import RunError, UsageError
from search.storage.address import server_name, shown, without_password
from search.storage.lock_holder import process_text
from search.storage.patience import LockHeldError, Trouble
from search.storage.rdb_storage import driver_error, rdb_storage
from warmboot.extras import install_command

if TYPE_CHECKING:
    from optuna.storages import RDBStorage

CONNECT_TIMEOUT_SECONDS = 4  # for each address of a name: `localhost` has two
LOCK_TIMEOUT_SECONDS = 5.0  # then the wait is interrupted for a moment, and tried again
# Advisory locks are numbers, and each database of a server has its own: so one number, unlikely to be used
# by anything else in the database.
LOCK_KEY = int.from_bytes(hashlib.sha256(b"warmboot").digest()[:8], signed=True)
# Of SQLSTATE: connection, rollback as of a deadlock, lack of resources, an operator's doing, the system's.
_PASSING_CLASSES = frozenset({"08", "40", "53", "57", "58"})
_DATABASE_DROPPED = "57P04"
_READ_ONLY = "25006"
_TROUBLES = {
    "53100": ("the disk of {} is full", "the disk of {} has room again"),
    _READ_ONLY: ("{} can only be read now", "{} can be written again"),
}
"""What is said of troubles other than a server that is away: while it lasts, and when it is over."""
_REFUSALS = ("does not exist", "authentication failed", "no password supplied", "permission denied", "pg_hba")
SHOWN_CHARACTERS = 160
CONNECTIONS_OF_A_WORKER = 4
"""Of each of its threads, and of the lock."""
MACHINE_CHARACTERS = 40
# A peer that vanished silently is noticed within 45 s: here, and by the server, which frees its lock.
_KEEPALIVES = {"keepalives_idle": 15, "keepalives_interval": 10, "keepalives_count": 3}
_OWN_KEEPALIVES = {**_KEEPALIVES, "tcp_user_timeout": 45_000}
"""Ours, with the milliseconds for which a network may leave unanswered what was sent; Linux knows that."""
_LOCK = text("SELECT pg_advisory_lock(:key)").bindparams(bindparam("key", LOCK_KEY))
_HOLDERS = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
    "JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() AND l.granted AND "
    "l.locktype = 'advisory' AND ((l.classid::bigint << 32) | l.objid::bigint) = :key"
).bindparams(bindparam("key", LOCK_KEY))
_READS_ONLY = text("SHOW transaction_read_only")
_MAY_CREATE = text("SELECT has_schema_privilege(current_schema(), 'CREATE')")
_UNLOCK = text("SELECT pg_advisory_unlock(:key)").bindparams(bindparam("key", LOCK_KEY))


class PostgresBackend:
    """One PostgreSQL database; the lock has connections of its own.

    Args:
        url: its address.
        reading: whether it has to have its tables already.

    Raises:
        UsageError: the driver is not installed.
    """

    def __init__(self, url: URL, *, reading: bool = False) -> None:
        _require_driver()
        self._url = url
        self._reading = reading
        self._lock_engine = create_engine(
            without_password(url),
            isolation_level="AUTOCOMMIT",  # who holds the lock must not hold a transaction open besides
            pool_pre_ping=True,
            connect_args=_connect_args(url, lock_timeout_ms=int(LOCK_TIMEOUT_SECONDS * 1000)),
        )

    def check(self) -> None:
        """Whatever is wrong with a server shows when it is connected to."""

    def engine(self) -> Engine:
        self._require_tables()
        return create_engine(without_password(self._url), **self._engine_kwargs())

    def storage(self) -> RDBStorage:
        self._require_tables()
        return rdb_storage(
            without_password(self._url),
            create_tables=not self._reading,
            engine_kwargs=self._engine_kwargs(),
        )

    def _engine_kwargs(self) -> dict[str, Any]:
        return {"pool_pre_ping": True, "connect_args": _connect_args(self._url)}

    @contextmanager
    def lock(self) -> Iterator[None]:
        """A session's advisory lock, on a connection that does nothing else.

        Raises:
            LockHeldError: another process has kept it for `LOCK_TIMEOUT_SECONDS`.
        """
        with self._lock_engine.connect() as connection:
            try:
                connection.execute(_LOCK)
            except OperationalError as error:
                if _code(error) != "55P03":  # lock_not_available
                    raise
                who = self._lock_holder(connection)
                raise LockHeldError(f"{shown(self._url)}: {who} keeps the lock") from error
            try:
                yield
            finally:
                try:
                    connection.execute(_UNLOCK)
                except DBAPIError:
                    connection.invalidate()  # the session is gone, and the lock with it

    def watched(self) -> AbstractContextManager[None]:
        """Nothing changes under a server's own hands."""
        return nullcontext()

    def explained(self, cause: str, *, in_use: bool = False) -> UsageError | RunError:
        address, said = shown(self._url), self._one_line(cause)
        if "database" in cause and "does not exist" in cause:
            if in_use:
                return RunError(f"{address} was deleted or renamed while it was used ({said}).")
            return UsageError(f"{address}: {said}; create it first, for example with: createdb")
        if "authentication failed" in cause or "no password supplied" in cause:
            return RunError(
                f"{address}: the server at {server_name(self._url)} refused the login ({said}). "
                "Give the password in a file named by $WARMBOOT_STORAGE_PASSWORD_FILE or $PGPASSFILE."
            )
        if "too many clients" in cause or "too many connections" in cause:
            return RunError(
                f"{address}: the server at {server_name(self._url)} takes no more connections ({said}); each "
                f"process that trains has up to {CONNECTIONS_OF_A_WORKER}: raise its max_connections, or use "
                "fewer workers."
            )
        if "permission denied" in cause:
            return RunError(f"{address} can't be written by this user ({said}).")
        if in_use:
            return RunError(f"{address}: the database says: {said}")
        return RunError(f"{address} can't be used; is a server running at {server_name(self._url)}? ({said})")

    def trouble(self, error: Exception) -> Trouble | None:
        if isinstance(error, LockHeldError):
            return error.trouble
        inner = driver_error(error)
        if inner is None or not _is_away(inner):
            return None
        said = self._one_line(str(inner.orig)).rpartition("failed: ")[2][:SHOWN_CHARACTERS]
        where = f"the database at {server_name(self._url)}"
        now, later = _TROUBLES.get(_code(inner) or "", (f"{where} is away", f"{where} is back"))
        return Trouble(f"{now.format(where)} ({said})", over=later.format(where))

    def close(self) -> None:
        self._lock_engine.dispose()

    def _lock_holder(self, connection: Connection) -> str:
        """The holder, by the name under which our processes connect."""
        for name in connection.scalars(_HOLDERS):
            found = re.fullmatch(r"warmboot (\d+) on (.+)", name)
            if found is not None:
                here = found[2] == _machine()
                return process_text(int(found[1])) if here else f"process {found[1]} on {found[2]}"
        return "another process"

    def _require_tables(self) -> None:
        """Refuse a database without tables to who only reads, and to who may not make them."""
        with self._lock_engine.connect() as connection:
            if inspect(connection).has_table("alembic_version"):  # the last that Optuna makes
                return
            may_make_them = connection.scalar(_MAY_CREATE)
            only_reads = connection.scalar(_READS_ONLY) == "on"
        if self._reading:
            raise UsageError(
                f"{shown(self._url)} holds no studies yet; make its tables with: warmboot migrate, "
                "or start a study with: warmboot launch char_lm"
            )
        if only_reads:
            raise RunError(
                f"{shown(self._url)} has no tables yet and can only be read; is it a standby, or "
                "default_transaction_read_only on? Name the primary server."
            )
        if not may_make_them:
            raise UsageError(
                f"{shown(self._url)} has no tables yet, and this user may not make them; "
                "make them as their owner with: warmboot migrate"
            )

    def _one_line(self, said: str) -> str:
        """One line of the driver's message. Drivers should not echo the password; it is masked anyway."""
        line = " ".join(said.split())
        password = self._url.password
        return line.replace(str(password), "***") if password else line


def _machine() -> str:
    """As a server keeps it: names of programs have 63 bytes there."""
    return socket.gethostname()[:MACHINE_CHARACTERS]


def _is_away(error: DBAPIError) -> bool:
    """Whether the server could not be asked, or will do at the next try what it did not do now."""
    if error.connection_invalidated:
        return True
    code = _code(error)
    if code is not None:
        return code == _READ_ONLY or (code[:2] in _PASSING_CLASSES and code != _DATABASE_DROPPED)
    # Without a code it is of connecting. A refusal by the server is permanent.
    return isinstance(error, OperationalError) and not any(text in str(error) for text in _REFUSALS)


def _code(error: DBAPIError) -> str | None:
    """The server's code for it, SQLSTATE; None where no server has answered."""
    code: str | None = getattr(error.orig, "sqlstate", None)
    return code


def _connect_args(url: URL, *, lock_timeout_ms: int = 0) -> dict[str, Any]:
    """Options for libpq besides the address; options of the address itself are kept."""
    given = url.query.get("options", "")
    options = [f"-c tcp_{key}={value}" for key, value in _KEEPALIVES.items()]
    options += [given] if isinstance(given, str) else [*given]
    options += ["-c timezone=utc"]  # Optuna compares and stores the session's local time, without its zone
    if lock_timeout_ms:
        options += [f"-c lock_timeout={lock_timeout_ms}"]
    arguments: dict[str, Any] = {
        "options": " ".join(option for option in options if option),
        "application_name": f"warmboot {os.getpid()} on {_machine()}",
        "client_encoding": "utf8",  # or a database without an encoding answers in bytes
        **{key: value for key, value in _OWN_KEEPALIVES.items() if key not in url.query},
    }
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = CONNECT_TIMEOUT_SECONDS
    if url.password is not None:
        arguments["password"] = str(url.password)
    return arguments


def _require_driver() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:  # of psycopg, or of the C library under it
        raise UsageError(
            "--storage: a postgresql address needs the PostgreSQL driver; install it with: "
            f"{install_command('postgres')}"
        ) from error
