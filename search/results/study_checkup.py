"""What may be wrong with the studies of a database, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from search.errors import RunError
from search.messages import next_command
from search.processes.identity import shown_process, stands_still
from search.results.status import StudyStatus, read_status
from search.storage.address import storage_option
from search.storage.checkup import RESTORE, Finding
from search.storage.database import Database
from search.storage.live_leases import live_leases, live_owners
from search.storage.study_record import StudyGoneError, StudyRecord, study_names


def check_studies(database: Database) -> Iterator[Finding]:
    """Look at each study that Warmboot made."""
    try:
        names = study_names(database)
    except (RunError, SQLAlchemyError) as error:
        yield _unreadable("studies", error)
        return
    if not names:
        yield Finding("studies", True, "there are none yet")
    for name in names:
        yield from _checked(database, name)


def _checked(database: Database, name: str) -> list[Finding]:
    try:
        return list(_check(StudyRecord(database, name)))
    except StudyGoneError:  # deleted since it was listed
        return []
    except ValidationError:
        what = "was made by another version of Warmboot"
        return [Finding(name, False, what, "work on it with that version, or upgrade this one")]
    except (RunError, SQLAlchemyError) as error:
        return [_unreadable(name, error)]


def _unreadable(about: str, error: Exception) -> Finding:
    said = str(error).splitlines()[0]
    return Finding(about, False, f"can't be read: {said}", RESTORE if "malformed" in said else "")


def _check(record: StudyRecord) -> Iterator[Finding]:
    reader = record.reader()
    status, crashed = read_status(record, reader), record.attributes.crashed
    storage, found = storage_option(record.database.url), False
    for owner in live_owners(record):
        if stands_still(owner):
            pid = owner.rsplit("|", 2)[1]
            found = True
            yield Finding(
                record.name,
                False,
                f"{shown_process(owner)} trains for it and is stopped; others soon take its trials over",
                f"continue it with: kill -CONT {pid}, or end it with: kill -KILL {pid}",
            )
    stuck = _stuck(record, status)
    if stuck:
        found = True
        yield Finding(
            record.name,
            False,
            f"{stuck} trial{'s' * (stuck > 1)} of workers that are gone",
            "they are taken up again, with what they have reported, by the next launch or worker; run the "
            "same warmboot launch to resume",
        )
    if status.mostly_failed:
        found = True
        why = next(iter(status.failures), "")
        logs = next_command("logs", record.name, *storage)
        yield Finding(
            record.name, False, f"more trainings failed than not, most with: {why}", f"see each with: {logs}"
        )
    if crashed:
        found = True
        how = ", ".join(sorted(set(crashed.values())))
        what = f"{len(crashed)} of its workers crashed or hung ({how})"
        yield Finding(record.name, True, f"{what}; what they trained is trained alone")
    if not found:
        yield Finding(record.name, True, f"{status.state}, {status.used} trials done")


def _stuck(record: StudyRecord, status: StudyStatus) -> int:
    """Trials that began and whose worker is gone; they count as waiting to whoever looks."""
    if status.state == "done" or not status.counts.get("waiting", 0):
        return 0
    held = live_leases(record).keys()
    running = [trial for trial in record.reader().trials() if trial.state.name == "RUNNING"]
    return sum(trial.number not in held for trial in running)
