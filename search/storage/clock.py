"""The clock that all share who work on a database.

PostgreSQL's own; and where the database is a file, so that all are processes of one machine, the one that
counts from the machine's start and cannot be set. Where a system can't tell one start from the next,
the time of day has to do.
"""

from __future__ import annotations

import time

from sqlalchemy import ColumnElement, Connection, Double, Engine, extract, func, select, type_coerce

from search.processes.identity import boot_id
from search.spec.training_spans import Moment

_OF_THE_SERVER, _TIME_OF_DAY = "server", "time of day"


def moment(engine: Engine) -> Moment:
    """The time by the clock, and which clock it is."""
    if engine.dialect.name == "sqlite":
        return Moment(boot_id(), time.monotonic()) if boot_id() else Moment(_TIME_OF_DAY, time.time())
    with engine.begin() as connection:
        return Moment(_OF_THE_SERVER, float(connection.scalar(select(server_now())) or 0.0))


def server_now() -> ColumnElement[float]:
    """Seconds since 1970 by a server's clock, in a statement."""
    return type_coerce(extract("epoch", func.clock_timestamp()), Double)


def is_file(connection: Connection) -> bool:
    """Whether the database is a file of this machine, rather than on a server."""
    return connection.dialect.name == "sqlite"
