"""Claims on what one process does for a whole study: confirming its best, learning the script's own lr."""

from __future__ import annotations

from collections.abc import Callable

from search.storage.database import Database
from search.storage.leases import Leases


def claim_job(
    database: Database, leases: Leases, number: int, wanted: Callable[[], bool] = lambda: True
) -> bool:
    """Whether this process is to do a job: the one that holds its lease, as long as that lasts.

    Args:
        database: of the study.
        leases: of the study, as this process sees them.
        number: the job's among the leases, below 0.
        wanted: whether it has to be done at all, asked under the lock.
    """
    tried = False

    def claim() -> bool:
        nonlocal tried
        if tried:  # it may have been taken though the database was away before it could say so
            leases.release(number)
        if not wanted():
            return False
        tried = True
        return leases.claim(number, forgiving=database.just_back)

    return database.locked(claim)
