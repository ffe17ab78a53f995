"""Covariances of the model in `surrogate.py`: Matern 3/2 and its derivatives.

`(1 + r) exp(-r)` with `r = sqrt(3) d / length` (Rasmussen, Williams: Gaussian Processes for Machine Learning,
2006, eq. 4.17): once differentiable, so a cliff does not ring through the rest.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class Matern:
    """The covariance, for a variance of 1, and what its derivatives are made of, each worked out once.

    Args:
        distances: at least 0.
        log_length: log of the length, in the unit of the distances.
    """

    def __init__(self, distances: Vector, log_length: float) -> None:
        self._scaled: Vector = math.sqrt(3.0) * math.exp(-log_length) * distances

    @cached_property
    def decay(self) -> Vector:
        """`exp(-r)`, of which the derivative by the distance is made."""
        decay: Vector = np.exp(-self._scaled)
        return decay

    @cached_property
    def covariance(self) -> Vector:
        covariance: Vector = (1.0 + self._scaled) * self.decay
        return covariance

    @cached_property
    def by_length(self) -> Vector:
        """Derivative of the covariance by the log of the length."""
        slope: Vector = self._scaled**2 * self.decay
        return slope


def squared_distances(a: Vector, b: Vector) -> Vector:
    """`len(a) x len(b)`."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    positive: Vector = np.maximum(squares, 0.0)
    return positive
