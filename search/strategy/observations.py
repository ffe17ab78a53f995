"""What the model in `surrogate.py` has seen, and where it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from search.strategy.kernels import Vector


@dataclass(frozen=True, eq=False)
class Observation:
    """One run to the full horizon."""

    features: Vector
    log_lr: float
    """Of the peak lr."""
    log_scale: float
    """Log of the shape's best peak lr relative to that of linear to zero, as the bound has it."""
    value: float
    """Lower is better."""
    seed: int


class Points(NamedTuple):
    """Where the model is asked: `M` shapes, each at a peak lr."""

    features: Vector
    """`M x F`."""
    log_lr: Vector
    log_scale: Vector


@dataclass(frozen=True, eq=False)
class Belief:
    """Runs whose expected values were believed: where they are, and their rows of the factor."""

    points: Points
    rows: Vector
    corner: Vector


def points_at(observations: Sequence[Observation]) -> Points:
    return Points(
        np.array([o.features for o in observations]),
        np.array([o.log_lr for o in observations]),
        np.array([o.log_scale for o in observations]),
    )
