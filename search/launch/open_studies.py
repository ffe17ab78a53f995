"""Which of a storage's studies a worker takes up next.

A study is open while something is left to train in it and it is not stopped. Of several, the one is taken
that the fewest work on, so that several workers spread over them. One that failed here is set aside for a
while, longer each time: others may have what it needs, and the rest of the studies must not wait for it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError

from search.errors import UsageError
from search.messages import Say
from search.results.status import StudyStatus, read_status
from search.spec.permission import Permission
from search.storage.database import Database
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


class OpenStudies:
    """The studies of one storage, as one worker sees them."""

    def __init__(self, database: Database, permission: Permission, say: Say) -> None:
        self._database = database
        self._permission = permission
        self._say = say
        self._known: dict[tuple[int, object], _Known] = {}

    @property
    def failed(self) -> list[str]:
        """Studies that failed here when they were last worked on."""
        return [known.record.name for known in self._known.values() if known.failures]

    def choose(self) -> StudyStatus | None:
        """The study to work on now; None where there is none."""
        found = [snapshot for name in study_names(self._database) if (snapshot := self._look(name))]
        return min(found, key=lambda snapshot: snapshot.running, default=None)

    def succeeded(self, name: str) -> None:
        """Nothing is left to do on a study, or it was stopped."""
        with suppress(StudyGoneError):
            self._of(name).failures = 0

    def set_aside(self, name: str, reason: str) -> None:
        """Leave a study alone for a while; nothing is left to leave alone where it was deleted."""
        try:
            known = self._of(name)
        except StudyGoneError:
            self._say(f"{name}: {reason}")
            return
        pause_seconds = min(FIRST_PAUSE_SECONDS * 2**known.failures, LONGEST_PAUSE_SECONDS)
        known.failures += 1
        known.not_before = time.monotonic() + pause_seconds
        self._say(f"{name}: {reason}\n{name} is set aside for {pause_seconds:.0f} s.")

    def _look(self, name: str) -> StudyStatus | None:
        """The study where it can be worked on here and now."""
        try:
            known = self._of(name)
            if time.monotonic() < known.not_before:
                return None
            snapshot = read_status(known.record, known.reader)
        except StudyGoneError:  # deleted since it was listed
            return None
        except ValidationError:
            self._say_once(known, "was made by another version of Warmboot; skipped.")
            return None
        if snapshot.stopped or snapshot.done:
            return None
        try:
            self._permission.require(snapshot.spec.proxy)
        except UsageError as refusal:
            self._say_once(known, f"skipped: {refusal}")
            return None
        return snapshot

    def _of(self, name: str) -> _Known:
        record = StudyRecord(self._database, name)
        key = (record.study_id, record.attributes.made)  # a reset study may have the same number
        if key not in self._known:
            self._known[key] = _Known(record, record.reader())
        return self._known[key]

    def _say_once(self, known: _Known, text: str) -> None:
        if known.said != text:
            known.said = text
            self._say(f"{known.record.name}: {text}")
