"""The live leases of a study, for those that take no lease themselves: to read them, or to wait for none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from search.errors import UsageError
from search.messages import next_command
from search.processes.identity import shown_process
from search.storage.address import storage_option
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


def refuse_in_training(record: StudyRecord, what: str) -> None:
    """Refuse what can't be done while a study is trained.

    Args:
        record: the study.
        what: the command that is refused.

    Raises:
        UsageError: a process trains for it; the message names it and how to end that.
    """
    owners = live_owners(record)
    if owners:
        processes = ", ".join(map(shown_process, owners))
        stop = next_command("stop", record.name, *storage_option(record.database.url))
        raise UsageError(
            f"{what}: study {record.name!r} is being trained by {processes}; end that first, "
            f"with Ctrl-C there or with: {stop}"
        )
