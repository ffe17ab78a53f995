"""Leases: who trains which trial, until when, and how often it had to be given back.

A trial that is RUNNING without a live lease belongs to nobody: its worker was killed, or lost its database
for too long. A lease is dead when its time is over, or at once when its owner was a process of this very
machine that is no longer there, so that nobody waits after a `kill -9` before going on.
"""

from __future__ import annotations

import functools
import os
import socket
from dataclasses import dataclass

import psutil
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    extract,
    func,
    insert,
    literal_column,
    select,
    type_coerce,
    update,
)

LEASE_SECONDS = 60.0
# The "trial numbers" under which other things than trials are leased, that one process does for all.
CONFIRMATION = -1  # confirming the best schedules
OWN_LR = -2  # starting the script to learn its own lr
PLANNING = -3  # working out what to train next

_metadata = MetaData()
_leases = Table(
    "warmboot_leases",
    _metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("owner", String(300), nullable=False),
    Column("expires_at", Double, nullable=False),  # seconds since 1970, by the database's clock
    Column("attempts", Integer, nullable=False),
)


@dataclass(frozen=True)
class Lease:
    """One row: `attempts` counts how often the trial was taken up, this time included."""

    number: int
    owner: str
    expired: bool
    attempts: int

    @property
    def live(self) -> bool:
        return self.held(forgiving=False)

    def held(self, *, forgiving: bool) -> bool:
        """Whether its owner may still work under it; `forgiving`: though its time is over."""
        return (forgiving or not self.expired) and not _owner_is_gone(self.owner)


def create_lease_table(engine: Engine) -> None:
    """Create the table where it is missing."""
    _metadata.create_all(engine)


def this_owner() -> str:
    """The name under which this process leases: machine, process id, and when that process started."""
    return f"{_machine()}|{os.getpid()}|{psutil.Process().create_time():.2f}"


class Leases:
    """The leases of one study, as seen by one owner. Every method is one short transaction."""

    def __init__(self, engine: Engine, study_id: int, owner: str) -> None:
        self._engine = engine
        self._study_id = study_id
        self._owner = owner

    def all(self) -> dict[int, Lease]:
        """Every lease of the study by trial number."""
        with self._engine.begin() as connection:
            rows = connection.execute(
                select(
                    _leases.c.number,
                    _leases.c.owner,
                    (_leases.c.expires_at <= _now(connection)).label("expired"),
                    _leases.c.attempts,
                ).where(_leases.c.study_id == self._study_id)
            )
            return {row.number: Lease(row.number, row.owner, bool(row.expired), row.attempts) for row in rows}

    def take(self, number: int, attempts: int) -> None:
        """Lease a trial for `LEASE_SECONDS`, whoever had it before; call under the study's lock."""
        with self._engine.begin() as connection:
            connection.execute(delete(_leases).where(self._row(number)))
            connection.execute(
                insert(_leases).values(
                    study_id=self._study_id,
                    number=number,
                    owner=self._owner,
                    expires_at=_now(connection) + LEASE_SECONDS,
                    attempts=attempts,
                )
            )

    def renew(self) -> None:
        """Extend all leases of this owner, in one statement."""
        with self._engine.begin() as connection:
            connection.execute(
                update(_leases)
                .where(_leases.c.study_id == self._study_id, _leases.c.owner == self._owner)
                .values(expires_at=_now(connection) + LEASE_SECONDS)
            )

    def release(self, number: int) -> None:
        """Forget the lease of a finished trial."""
        with self._engine.begin() as connection:
            connection.execute(delete(_leases).where(self._row(number)))

    def give_up(self, number: int, attempts: int) -> None:
        """Let a lease lapse at once but keep its count of attempts."""
        with self._engine.begin() as connection:
            connection.execute(
                update(_leases).where(self._row(number)).values(expires_at=0.0, attempts=attempts)
            )

    def forget_all(self) -> None:
        """Drop every lease under this study's id; SQLite reuses the id of a deleted study."""
        with self._engine.begin() as connection:
            connection.execute(delete(_leases).where(_leases.c.study_id == self._study_id))

    def _row(self, number: int) -> ColumnElement[bool]:
        return (_leases.c.study_id == self._study_id) & (_leases.c.number == number)


def _now(connection: Connection) -> ColumnElement[float]:
    """Seconds since 1970 by the database's clock, the one clock that all workers share."""
    if connection.dialect.name == "sqlite":
        return literal_column("((julianday('now') - 2440587.5) * 86400.0)", Double)
    return type_coerce(extract("epoch", func.clock_timestamp()), Double)


@functools.cache
def _machine() -> str:
    """This machine, and where containers share a host name, this process namespace."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return f"{socket.gethostname()}/{namespace}"


def _owner_is_gone(owner: str) -> bool:
    machine, pid, started = owner.rsplit("|", 2)
    if machine != _machine():
        return False
    try:
        process = psutil.Process(int(pid))
        # The start is counted from the boot time, which moves a little when the clock is set.
        reused = abs(process.create_time() - float(started)) > 2.0
        return reused or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
