"""What a study's methods give back: words that print well, and the numbers as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.results.transfer import TransferResult
from warmboot.schedule import WarmbootSchedule


@dataclass(frozen=True, repr=False)
class Found:
    """Something found, in words and as data.

    Attributes:
        lines: as the command prints them.
        data: as the command prints it with `--json`.
    """

    lines: Sequence[str]
    data: Mapping[str, Any]

    def __repr__(self) -> str:
        return "\n".join(self.lines)


@dataclass(frozen=True, repr=False)
class Status(Found):
    """How a study stands.

    Attributes:
        state: done, stopped, running or paused.
        share_done: how much of its limit is used up, in [0, 1].
    """

    state: str
    share_done: float


@dataclass(frozen=True, repr=False)
class Verdict(Found):
    """A comparison on fresh seeds.

    Attributes:
        outcome: win, lose, equivalent, not settled; or "standard" where the leader is the strongest baseline.
        sentence: the verdict in one.
    """

    outcome: str
    sentence: str


@dataclass(frozen=True, repr=False)
class Transfer(Found):
    """How the best peak lr and the gain change with the length of a training."""

    found: TransferResult

    def at(self, total_steps: int) -> list[str]:
        """What to expect at a horizon, in optimizer steps."""
        return self.found.lines_at(total_steps)

    def peak_lr(self, total_steps: int) -> float:
        """The best peak lr at a horizon, in optimizer steps.

        Raises:
            UsageError: it is more than 30 times the longest that was trained, or less than a third of the
                shortest.
        """
        return self.found.peak_lr(total_steps)[0]


@dataclass(frozen=True, repr=False)
class Exported(Found):
    """A schedule for one's own training.

    Attributes:
        text: of the file, in the format that was asked for.
        schedule: with its peak lr where that is exported.
        path: the file; None where none was written.
    """

    text: str
    schedule: WarmbootSchedule
    path: Path | None
