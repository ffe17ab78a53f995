"""The law of the loss as what the model expects before it looks at its runs' neighbours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from search.strategy.kernels import Vector
from search.strategy.law_fit import LawFit
from search.strategy.loss_law import Tables
from search.strategy.observations import Points
from search.strategy.shape import POSITIONS

FADES = 0.4
"""In the log peak lr: that far above the highest that did well the law counts little."""


class LawMean:
    """What the law expects of shapes at peak lrs.

    Args:
        fit: to the validations of a study.
        total_steps: its horizon.
        numbers: schedule (`schedule_of`) -> its number in the fit, of those that were validated.
        highest: the highest log peak lr, as one of linear, at which a run did well.
    """

    def __init__(self, fit: LawFit, total_steps: int, numbers: Mapping[bytes, int], highest: float) -> None:
        self._fit, self._total_steps, self._numbers = fit, total_steps, numbers
        self._highest = highest

    def trust(self, points: Points) -> Vector:
        """`M`, 0 to 1: how much the law counts at a peak lr; less above the highest that did well, since it
        knows no lr at which training breaks down."""
        above = np.maximum(points.log_lr - points.log_scale - self._highest, 0.0)
        return np.exp(-((above / FADES) ** 2))

    def losses(self, points: Points) -> Vector:
        """`M`: at the end of the horizon."""
        return self._fit.losses(tables_at(points, self._total_steps))[0]

    def left_out(self, points: Points) -> Vector:
        """`M`: the same, each as the fit without this very schedule foretells it."""
        found = self.losses(points)
        schedules = [schedule_of(f, lr, self._total_steps) for f, lr in zip(*points[:2], strict=True)]
        for schedule in dict.fromkeys(schedules):
            number = self._numbers.get(schedule)
            if number is not None:
                mine = np.array([each == schedule for each in schedules])
                own = Points(*(part[mine] for part in points))
                found[mine] = self._fit.losses(tables_at(own, self._total_steps), without=number)[0]
        return found


def schedule_of(features: Vector, log_lr: float, total_steps: int) -> bytes:
    """Equal for equal shapes at equal peak lrs to one horizon."""
    return np.round(np.concatenate([features, [log_lr, total_steps]]), 7).tobytes()


def tables_at(points: Points, total_steps: int) -> Tables:
    """The tables of shapes at peak lrs, read off their features (`shape.py`)."""
    factors = points.features[:, :POSITIONS] ** 2 * POSITIONS * np.exp(-points.log_scale)[:, None]
    lrs = np.exp(points.log_lr)[:, None] * (factors[:, 1:] + factors[:, :-1]) / 2
    return Tables(lrs, np.full(len(lrs), float(total_steps)))
