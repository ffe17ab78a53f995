"""Covariances of the model in `surrogate.py`: Matern 3/2 and its derivatives.

`(1 + r) exp(-r)` with `r = sqrt(3) d / length` (Rasmussen, Williams: Gaussian Processes for Machine Learning,
2006, eq. 4.17): once differentiable, so a cliff does not ring through the rest.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def decay(distances: Vector, log_length: float) -> Vector:
    """`exp(-r)`, of which the derivative by the distance is made."""
    decay: Vector = np.exp(-math.sqrt(3.0) * math.exp(-log_length) * distances)
    return decay


def matern(distances: Vector, log_length: float) -> Vector:
    """Covariance at distances >= 0, for a variance of 1."""
    scaled = math.sqrt(3.0) * math.exp(-log_length) * distances
    result: Vector = (1.0 + scaled) * np.exp(-scaled)
    return result


def by_length(distances: Vector, log_length: float) -> Vector:
    """Derivative of `matern` by the log of its length."""
    scaled = math.sqrt(3.0) * math.exp(-log_length) * distances
    result: Vector = scaled**2 * np.exp(-scaled)
    return result


def squared_distances(a: Vector, b: Vector) -> Vector:
    """`len(a) x len(b)`."""
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2.0 * a @ b.T
    positive: Vector = np.maximum(squares, 0.0)
    return positive
