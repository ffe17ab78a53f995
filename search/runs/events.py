"""Events that a training thread sends while it trains, and how one of its runs is ended early.

Each run that a training thread was given sends exactly one event that ends it, and nothing after it: a
`Measurement` that is `last`, a `TrainingFailed` with its key, or `Cancelled`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Literal

from search.runs.run import Measurement


@dataclass(frozen=True)
class Admitted:
    """A run has begun; `untrained` are the metrics of its network before the first step.

    A user's script may not have told them: then there are none.
    """

    key: Hashable
    untrained: Mapping[str, float]


@dataclass(frozen=True)
class TrainingFailed:
    """The training of `keys` failed; the last line of the text is the reason."""

    keys: tuple[Hashable, ...]
    traceback_text: str

    @property
    def reason(self) -> str:
        """Why, in a line for people."""
        return self.traceback_text.strip().rpartition("\n")[2]


@dataclass(frozen=True)
class Cancel:
    """Asks a training thread to end a run early; it goes into the queue that brings the runs.

    A run that is over by then stays as it ended, and so does one that has its last measurement while it is
    being ended: then that comes instead of `Cancelled`. A key that is not known is ignored.
    """

    key: Hashable


@dataclass(frozen=True)
class Cancelled:
    """A run was ended early, as asked, and its slot is free; it sends nothing more."""

    key: Hashable


@dataclass(frozen=True)
class Remarked:
    """Something about a run that a person should know and that does not change what becomes of it."""

    key: Hashable
    about: Literal["lr", "reports", "checkpoints"]
    """What it is about; of each a person need hear once."""
    text: str


@dataclass(frozen=True)
class FewerSlots:
    """Memory ran out, and fewer runs train at once from here on; those in training begin anew, which tells
    nobody anything twice."""

    slots: int
    text: str
    """For a person."""


Event = Measurement | Admitted | Remarked | TrainingFailed | Cancelled | FewerSlots
"""Any event of a training thread."""
