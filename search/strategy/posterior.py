"""What is expected at fixed places, kept up to date while runs are believed."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from search.strategy.kernels import Vector
from search.strategy.observations import Belief, Points
from search.strategy.surrogate import Surrogate

SPARE_ROWS = 32
"""Rows for which room is made at once."""


class Posterior:
    """What is expected at fixed places, kept up to date while runs are believed.

    Args:
        surrogate: the model.
        points: `M` of them.
    """

    def __init__(self, surrogate: Surrogate, points: Points) -> None:
        self._surrogate, self._points = surrogate, points
        self.mean, self._halves = surrogate.explanation(points)
        self._n = len(self._halves)
        self._explained = (self._halves**2).sum(0)

    @property
    def sd(self) -> Vector:
        """Standard deviation of what is expected over seeds, `M`."""
        return self._surrogate.sd_left(self._explained)

    def believe(self, belief: Belief) -> None:
        """Take in what `Surrogate.believing` gave; one after another, in their order."""
        signal = self._surrogate.signal(belief.points, self._points)
        known = belief.rows @ self._halves[: self._n]
        more = solve_triangular(belief.corner, signal - known, lower=True, check_finite=False)
        self._keep(more)
        self._explained = self._explained + (more**2).sum(0)

    def _keep(self, more: Vector) -> None:
        n, total = self._n, self._n + len(more)
        if total > len(self._halves):
            grown = np.empty((total + SPARE_ROWS, self._halves.shape[1]))
            grown[:n] = self._halves[:n]
            self._halves = grown
        self._halves[n:total] = more
        self._n = total
