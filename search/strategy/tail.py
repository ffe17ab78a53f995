"""Bad values are bad, and how bad says nothing about the good ones: those far above the best are drawn in."""

from __future__ import annotations

import numpy as np

from search.strategy.kernels import Vector

TAIL_SHARE = 0.4
"""Values above this share of all values are drawn towards the best: they are bad, and how bad says nothing
about the good ones."""


def tail_of(values: Vector) -> float:
    """The distance from the best within which values count as they are; > 0.

    >>> tail_of(np.array([1.0, 1.1, 1.3, 2.0, 9.0]))
    0.3...
    """
    above = np.sort(values - values.min())
    tail = above[max(1, round(TAIL_SHARE * (len(above) - 1)))] if len(above) > 1 else 0.0
    if tail == 0.0 and above[-1] > 0.0:  # many are equal to the best
        tail = above[above > 0.0][0]
    return float(max(tail, 1e-9 * float(np.abs(values).max()), 1e-12))


def drawn_in(above_best: Vector, tail: float) -> Vector:
    """Linear up to `tail`, logarithmic beyond."""
    over = np.maximum(above_best, tail)
    return np.where(above_best > tail, tail * (1.0 + np.log(over / tail)), above_best)


def drawn_out(drawn: Vector, tail: float) -> Vector:
    """The inverse of `drawn_in`.

    >>> drawn_out(drawn_in(np.array([0.3, 1.0, 20.0]), tail=1.0), tail=1.0)
    array([ 0.3,  1. , 20. ])
    """
    return np.where(drawn > tail, tail * np.exp(np.maximum(drawn / tail, 1.0) - 1.0), drawn)
