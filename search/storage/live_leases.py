"""The live leases of a study, for readers that take no lease themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.storage.leases import Lease, Leases, this_owner

if TYPE_CHECKING:
    from search.storage.study_record import StudyRecord


def live_leases(record: StudyRecord) -> dict[int, Lease]:
    """Live leases by trial number, and by the numbers of other jobs that are leased alike."""
    leases = Leases(record.database.engine, record.study_id, this_owner())
    found = record.database.patiently(leases.all)
    return {number: lease for number, lease in found.items() if lease.live}


def live_owners(record: StudyRecord) -> list[str]:
    """The processes that train for a study now, or look for its own lr; see `leases.this_owner`."""
    return sorted({lease.owner for lease in live_leases(record).values()})
