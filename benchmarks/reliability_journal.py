"""What the workers of `reliability.py` note: a line for each training that begins and each result that the
database has acknowledged, appended to one file, which no kill can take back."""

from __future__ import annotations

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """One line; `at` by `time.monotonic`, which all processes of a machine share."""

    at: float
    process: int
    what: str
    """`begun` or `told`."""
    number: int
    value: float | None = None


class Journal:
    """One file of one study."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()
        self._read_to, self._begun = 0, set[int]()

    def note(self, what: str, number: int, value: float | None = None) -> None:
        """Append a line, in one call of the system."""
        line = json.dumps([time.monotonic(), os.getpid(), what, number, value]) + "\n"
        with self.path.open("ab", buffering=0) as file:
            file.write(line.encode())

    def has_begun(self, process: int) -> bool:
        """Whether a process has begun a training; cheap to ask again and again."""
        with self.path.open("rb") as file:
            file.seek(self._read_to)
            lines = file.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        self._read_to += len(whole)
        self._begun |= {json.loads(line)[1] for line in whole.splitlines()}
        return process in self._begun

    def entries(self) -> list[Entry]:
        lines = self.path.read_text(encoding="utf-8").splitlines()
        return [Entry(*json.loads(line)) for line in lines]


@dataclass(frozen=True)
class Loss:
    """What some disturbances have cost."""

    hits: int
    """Those that hit a training which was begun again afterwards."""
    redone_seconds: float
    trained_seconds: float
    recovery_seconds: Sequence[float]
    """From a hit until its first training was begun again."""


def loss(entries: Sequence[Entry], kills: Sequence[tuple[float, int]]) -> Loss:
    """What kills, each (moment, process), have cost by what was noted."""
    begun: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.what == "begun":
            begun[entry.number].append(entry)
    told = {(entry.process, entry.number): entry.at for entry in entries if entry.what == "told"}
    hits, redone, recovery = 0, 0.0, list[float]()
    for at, process in kills:
        again = []
        for number, times in begun.items():
            mine = [e for e in times if e.process == process and e.at < at]
            later = [e.at for e in times if e.at > at and e.process != process]
            if mine and (process, number) not in told and later:
                again.append(min(later) - at)
                redone += at - mine[-1].at
        hits += bool(again)
        recovery += [min(again)] if again else []
    seconds = sum(_duration(entry, begun) for entry in entries if entry.what == "told")
    return Loss(hits, redone, seconds + redone, recovery)


def _duration(told: Entry, begun: dict[int, list[Entry]]) -> float:
    return next((told.at - e.at for e in reversed(begun[told.number]) if e.process == told.process), 0.0)


def told_twice(entries: Sequence[Entry]) -> int:
    """Trials of which more than one worker was told that its result counts."""
    counts = Counter(entry.number for entry in entries if entry.what == "told")
    return sum(count > 1 for count in counts.values())


def lost(entries: Sequence[Entry], stored: Mapping[int, float | None]) -> int:
    """Results that were acknowledged and are not stored, or as something else; `stored`: number -> value of
    what has ended."""
    told = [entry for entry in entries if entry.what == "told"]
    return sum(e.number not in stored or (e.value is not None and stored[e.number] != e.value) for e in told)
