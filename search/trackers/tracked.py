"""What a tracker is told of a training, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

LR_POINTS = 200
"""Steps at which the lr is told, at most."""


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """One training.

    Attributes:
        study: the study's name.
        name: of the run, as `trial 0007`.
        trial: the trial's number; of a confirmation, that of the trial it confirms, or None.
        lrs: the lr of each step.
        params: the trial's other hyperparameters.
    """

    study: str
    name: str
    trial: int | None
    lrs: NDArray[np.float64]
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def total_steps(self) -> int:
        """The horizon, in optimizer steps."""
        return len(self.lrs)

    @property
    def settings(self) -> dict[str, Any]:
        """What a tracker shows as the run's hyperparameters."""
        return {"peak_lr": float(self.lrs.max()), "total_steps": self.total_steps, **self.params}

    def lr_points(self) -> list[tuple[int, float]]:
        """The schedule: steps and the lr there."""
        steps = np.unique(
            np.linspace(0, len(self.lrs) - 1, min(LR_POINTS, len(self.lrs))).round().astype(int)
        )
        return [(int(step), float(self.lrs[step])) for step in steps]


class Tracker(Protocol):
    """Takes the reports of runs, several of which may be under way. What it raises ends only itself."""

    def begin(self, run: TrackedRun) -> None:
        """A run begins; its schedule goes along."""

    def report(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics after `step` optimizer steps."""

    def end(self, run: TrackedRun, outcome: str) -> None:
        """A run has ended: `finished`, `stopped` early, or `failed`."""

    def close(self) -> None:
        """No run comes after this."""


def run_folder(folder: Path, run: TrackedRun) -> Path:
    """A folder of its own for a run, with a name that every system takes."""
    safe = "".join(c if c.isalnum() or c in "._-+" else "-" for c in run.study)
    return folder / safe / run.name.replace(" ", "-")
