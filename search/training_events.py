"""What a training thread sends while it trains: a run has begun, was measured, or failed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from search.population.run import Measurement


@dataclass(frozen=True)
class Admitted:
    """A run has begun; `untrained` are the metrics of its network before the first step.

    A user's script may not have told them: then there are none.
    """

    key: Hashable
    untrained: Mapping[str, float]


@dataclass(frozen=True)
class TrainingFailed:
    """What trained `keys` failed; the last line of the text is the reason."""

    keys: tuple[Hashable, ...]
    traceback_text: str


Event = Measurement | Admitted | TrainingFailed
"""What a training thread sends."""
