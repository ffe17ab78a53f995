"""Leases: who trains which trial, until when, and how often it had to be given back.

A trial that is RUNNING without a live lease may be taken up: its worker was killed, or lost its database
for too long. A lease is dead when its time is over, or at once when its owner was a process of this very
machine that is no longer there, so that no time is lost after a `kill -9`.

Times are told by the clock that all workers share; see `search.storage.clock`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Double,
    Engine,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from search.processes.identity import boot_id, is_gone, is_of_this_boot, this_process
from search.storage.clock import is_file, server_now

LEASE_SECONDS = 60.0
RENEW_SECONDS = LEASE_SECONDS / 4
"""Time between two renewals of a lease by its worker."""
# The "trial numbers" under which other things than trials are leased, that one process does for all.
CONFIRMATION = -1  # confirming the best schedules
OWN_LR = -2  # starting the script to learn its own lr
PLANNING = -3  # working out what to train next
COPYING = -4  # writing the study as a copy of another

LEASE_TABLE = "warmboot_leases"
_metadata = MetaData()
_leases = Table(
    LEASE_TABLE,
    _metadata,
    Column("study_id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("owner", String(300), nullable=False),
    Column("expires_at", Double, nullable=False),  # seconds since 1970, by the clock that `_now` reads
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
        return (forgiving or not self.expired) and not is_gone(self.owner)


# In a file, a row of no study keeps how many seconds after 1970 the machine's own clock began to count: as it
# was when the file was first worked on since the machine's start, whose id is the row's owner.
_clock_row = (_leases.c.study_id == 0) & (_leases.c.number == 0)
_clock_of_this_boot = _clock_row & (_leases.c.owner == boot_id())


def create_lease_table(engine: Engine) -> None:
    """Create the table where it is missing, and in a file begin the clock of this run of the machine."""
    _metadata.create_all(engine)
    if engine.dialect.name != "sqlite" or not boot_id():
        return
    with engine.begin() as connection:
        if connection.scalar(select(_leases.c.number).where(_clock_of_this_boot)) is None:
            connection.execute(delete(_leases).where(_clock_row))
            began_at = time.time() - time.monotonic()
            row = {"study_id": 0, "number": 0, "owner": boot_id(), "expires_at": began_at, "attempts": 0}
            connection.execute(insert(_leases).values(row))


def this_owner() -> str:
    """The name under which this process leases."""
    return this_process()


def is_mine(lease: Lease | None) -> bool:
    """Whether this process holds it, in time or not."""
    return lease is not None and lease.owner == this_owner()


class Leases:
    """The leases of one study, as seen by one owner. Every method is one short transaction."""

    def __init__(self, engine: Engine, study_id: int, owner: str) -> None:
        self._engine = engine
        self._study_id = study_id
        self._owner = owner

    def all(self) -> dict[int, Lease]:
        """Every lease of the study by trial number."""
        with self._engine.begin() as connection:
            columns = (_leases.c.number, _leases.c.owner, _leases.c.expires_at, _leases.c.attempts)
            rows = connection.execute(
                select(*columns, _now(connection).label("now")).where(_leases.c.study_id == self._study_id)
            )
            return {row.number: _lease(row, in_file=is_file(connection)) for row in rows}

    def take(self, number: int, attempts: int) -> None:
        """Lease a trial for `LEASE_SECONDS`, whatever worker had it before; call under the study's lock."""
        self.take_all({number: attempts})

    def take_all(self, attempts: Mapping[int, int]) -> None:
        """The same for several, trial number -> attempts."""
        with self._engine.begin() as connection:
            connection.execute(delete(_leases).where(self._rows(attempts)))
            expires_at = connection.scalar(select(_now(connection) + LEASE_SECONDS))
            connection.execute(
                insert(_leases),
                [
                    {
                        "study_id": self._study_id,
                        "number": number,
                        "owner": self._owner,
                        "expires_at": expires_at,
                        "attempts": count,
                    }
                    for number, count in attempts.items()
                ],
            )

    def claim(self, number: int, *, forgiving: bool) -> bool:
        """Take a lease unless it is held, even by this owner; call under the study's lock.

        Args:
            number: of a trial, or one of the numbers below 0.
            forgiving: whether who could not renew in time still holds it.
        """
        lease = self.all().get(number)
        if lease is not None and lease.held(forgiving=forgiving):
            return False
        self.take(number, attempts=1)
        return True

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Renew them from another thread, for as long as this one works on something that takes long."""
        over = threading.Event()

        def keep() -> None:
            while not over.wait(RENEW_SECONDS):
                with contextlib.suppress(SQLAlchemyError):  # away: the next renewal, or the next call, waits
                    self.renew()

        thread = threading.Thread(target=keep, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def renew(self) -> None:
        """Extend all leases of this owner, in one statement."""
        with self._engine.begin() as connection:
            connection.execute(
                update(_leases)
                .where(_leases.c.study_id == self._study_id, _leases.c.owner == self._owner)
                .values(expires_at=_now(connection) + LEASE_SECONDS)
            )

    def release(self, number: int) -> None:
        """Forget the lease of a finished trial, whatever its owner; below 0, only this owner's."""
        row = self._row(number)
        if number < 0:
            row &= _leases.c.owner == self._owner
        with self._engine.begin() as connection:
            connection.execute(delete(_leases).where(row))

    def release_all(self, numbers: Collection[int]) -> None:
        """Forget the leases of finished trials, whoever had them."""
        with self._engine.begin() as connection:
            connection.execute(delete(_leases).where(self._rows(numbers)))

    def give_up(self, number: int, attempts: int) -> None:
        """Let a lease lapse at once but keep its count of attempts."""
        with self._engine.begin() as connection:
            connection.execute(
                update(_leases).where(self._row(number)).values(expires_at=0.0, attempts=attempts)
            )

    def remember(self, attempts: Mapping[int, int]) -> None:
        """Keep how often trials were begun that nobody trains, trial number -> attempts."""
        if not attempts:
            return
        self.take_all(attempts)
        with self._engine.begin() as connection:
            connection.execute(update(_leases).where(self._rows(attempts)).values(expires_at=0.0))

    def forget_all(self) -> None:
        """Drop every lease under this study's id; SQLite reuses the id of a deleted study."""
        with self._engine.begin() as connection:
            connection.execute(delete(_leases).where(_leases.c.study_id == self._study_id))

    def _rows(self, numbers: Collection[int]) -> ColumnElement[bool]:
        return (_leases.c.study_id == self._study_id) & _leases.c.number.in_(list(numbers))

    def _row(self, number: int) -> ColumnElement[bool]:
        return (_leases.c.study_id == self._study_id) & (_leases.c.number == number)


def _lease(row: Row[Any], *, in_file: bool) -> Lease:
    # In a file, an owner that is not of this run of the machine is gone with an earlier one, or of an older
    # version: those went by the time of day.
    told = time.time() if in_file and not is_of_this_boot(row.owner) else row.now
    return Lease(row.number, row.owner, row.expires_at <= told, row.attempts)


def _now(connection: Connection) -> ColumnElement[float]:
    """Seconds since 1970 by the clock that all workers share, however the time of day is set meanwhile."""
    if not is_file(connection):
        return server_now()
    if not boot_id():
        return literal(time.time(), Double)
    ticks = time.monotonic()
    began_at = select(_leases.c.expires_at).where(_clock_of_this_boot).scalar_subquery()
    return literal(ticks, Double) + func.coalesce(began_at, time.time() - ticks)
