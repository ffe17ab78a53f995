"""`TunedStandard`: a standard at its best peak lr, as it is kept with a verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warmboot.errors import ScheduleFileError
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import ScheduleFile, reads, writes


@dataclass(frozen=True, kw_only=True)
class TunedStandard:
    """A standard as the verdict has tuned it.

    Attributes:
        name: of the standard.
        words: the schedule with its peak lr.
        shape: the same without; empty where an earlier version kept it.
        peak_lr: the best that was found.
        values: on the tuning seeds from 0 on.
        n_lrs: at how many peak lrs it was tried; None where an earlier version kept it.
        edge: which end of those the best one is, where it does not lie between them.
        document: a whole schedule file; None where an earlier version kept it.
    """

    name: str
    words: str
    shape: str
    peak_lr: float
    values: tuple[float, ...]
    n_lrs: int | None = None
    edge: str | None = None
    document: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls, name: str, schedule: WarmbootSchedule, values: Sequence[float], *, n_lrs: int, edge: str | None
    ) -> TunedStandard:
        """What is kept of a schedule that has a peak lr."""
        assert schedule.lr is not None, "a tuned schedule has a peak lr"
        return cls(
            name=name,
            words=schedule.describe(),
            shape=schedule.replace(lr=None).describe(),
            peak_lr=schedule.lr,
            values=tuple(values),
            n_lrs=n_lrs,
            edge=edge,
            document=json.loads(writes(ScheduleFile(schedule))),
        )

    @property
    def schedule(self) -> WarmbootSchedule | None:
        """With its peak lr; None where it was kept without, or its curve is not registered here."""
        try:
            return None if self.document is None else reads(json.dumps(self.document)).schedule
        except ScheduleFileError:
            return None

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        return {
            "name": self.name,
            "schedule": self.words,
            "shape": self.shape,
            "document": self.document,
            "peak_lr": self.peak_lr,
            "values": list(self.values),
            "peak_lrs_tried": self.n_lrs,
            "edge": self.edge,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TunedStandard:
        """What `to_json` made, now or earlier."""
        return cls(
            name=data["name"],
            words=data["schedule"],
            shape=data.get("shape", ""),
            peak_lr=data["peak_lr"],
            values=tuple(data["values"]),
            n_lrs=data.get("peak_lrs_tried"),
            edge=data.get("edge"),
            document=data.get("document"),
        )
