"""The open studies of a storage, as one worker sees them.

A study is open while something is left to train in it and it is not stopped. One that failed here is set
aside for a while, longer each time: others may have what it needs, and the rest of the studies must not wait
for it. One that this worker may not run is told of once, and left to others.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from search.errors import UsageError
from search.launch.service_log import ServiceLog
from search.results.status import StudyStatus, read_status
from search.spec.permission import Permission
from search.storage.database import Database
from search.storage.study_attributes import CONTROL, StudyAttributes
from search.storage.study_reader import StudyReader
from search.storage.study_record import StudyGoneError, StudyRecord, study_names

FIRST_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 600.0


@dataclass
class _Known:
    """This worker's memory of a study."""

    record: StudyRecord
    reader: StudyReader
    failures: int = 0
    not_before: float = 0.0
    said: str = ""
    done_at: Any = None
    """Its limit when nothing was left to do: until that changes it need not be looked at again."""


@dataclass(frozen=True)
class OpenStudy:
    """A study that can be worked on here and now."""

    status: StudyStatus
    priority: int
    """The higher, the earlier."""
    record: StudyRecord

    @property
    def name(self) -> str:
        return self.status.spec.name


class OpenStudies:
    """The studies of one storage, as one worker sees them; `only`: those of these names, if there are any."""

    def __init__(
        self, database: Database, permission: Permission, log: ServiceLog, only: Collection[str] = ()
    ) -> None:
        self._database = database
        self._permission = permission
        self._log = log
        self._only = only
        self._known: dict[tuple[int, object], _Known] = {}

    @property
    def failed(self) -> list[str]:
        """Studies that failed here when they were last worked on."""
        return [known.record.name for known in self._known.values() if known.failures]

    def all(self) -> list[OpenStudy]:
        """Those that can be worked on now, the oldest first."""
        names = [name for name in study_names(self._database) if not self._only or name in self._only]
        return [study for name in names if (study := self._look(name)) is not None]

    def is_open(self, name: str) -> bool:
        """Whether a study can be worked on now."""
        return self._look(name) is not None

    def succeeded(self, name: str) -> None:
        """Nothing is left to do on a study, or it was stopped."""
        with suppress(StudyGoneError):
            self._of(name)[0].failures = 0

    def set_aside(self, name: str, reason: str) -> None:
        """Leave a study alone for a while; nothing is left to leave alone where it was deleted."""
        try:
            known, _ = self._of(name)
        except StudyGoneError:
            self._log(reason, name)
            return
        pause_seconds = min(FIRST_PAUSE_SECONDS * 2**known.failures, LONGEST_PAUSE_SECONDS)
        known.failures += 1
        known.not_before = time.monotonic() + pause_seconds
        self._log(reason, name)
        self._log(f"set aside for {pause_seconds:.0f} s.", name)

    def _look(self, name: str) -> OpenStudy | None:
        """The study where it can be worked on here and now."""
        try:
            known, attributes = self._of(name)
            if time.monotonic() < known.not_before or attributes.is_stopped:
                return None
            if known.done_at is not None and known.done_at == attributes[CONTROL]:
                return None
            snapshot = read_status(known.record, known.reader)
        except StudyGoneError:  # deleted since it was listed
            return None
        except ValidationError:
            self._say_once(known, "was made by another version of Warmboot; skipped.")
            return None
        known.done_at = attributes[CONTROL] if snapshot.done else None
        if snapshot.done:
            return None
        try:
            self._permission.require(snapshot.spec.proxy)
        except UsageError as refusal:
            self._say_once(known, f"skipped: {refusal}")
            return None
        return OpenStudy(snapshot, attributes.priority, known.record)

    def _of(self, name: str) -> tuple[_Known, StudyAttributes]:
        """What is remembered of a study, and its attributes now."""
        record = StudyRecord(self._database, name)
        attributes = record.attributes
        key = (record.study_id, attributes.made)  # a reset study may have the same number
        if key not in self._known:
            self._known[key] = _Known(record, record.reader())
        return self._known[key], attributes

    def _say_once(self, known: _Known, text: str) -> None:
        if known.said != text:
            known.said = text
            self._log(text, known.record.name)
