"""How the best peak lr of one shape relates to that of another, before either was trained.

For stochastic gradient descent on convex losses the error of the *last* iterate after `N` steps with step
sizes `lr * f_0, ..., lr * f_(N-1)` is bounded by

    D^2 / (2 lr S_0)  +  lr G^2 / 2 * (Q_0 / S_0 + sum_(k < N-1) f_k Q_k / (S_k S_(k+1)))

with `S_k = f_k + ... + f_(N-1)`, `Q_k` the same sum of squares, `D` the distance to the solution and `G` the
size of a gradient (Defazio et al., arXiv 2310.07831; Schaipp et al., arXiv 2501.18965). The lr at which it is
least is `D / G` times a number that the shape alone decides; the ratio of two such numbers needs no
training. It predicts where a shape is best, not how good it is there.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def peak_lr_scale(factors: NDArray[np.float64]) -> float:
    """The bound's best peak lr of a shape, in units of `D / G`.

    Args:
        factors: `N` lr factors of one training, none negative, not all 0.

    >>> linear, constant = np.linspace(1.0, 0.0, 100), np.ones(100)
    >>> round(peak_lr_scale(constant) / peak_lr_scale(linear), 2)
    0.41
    """
    sums = np.cumsum(factors[::-1])[::-1]
    squares = np.cumsum((factors**2)[::-1])[::-1]
    later = sums[1:] > 0.0  # past the last step with an lr nothing is added
    tail = factors[:-1][later] * squares[:-1][later] / (sums[:-1][later] * sums[1:][later])
    return math.sqrt(1.0 / (squares[0] + sums[0] * float(tail.sum())))
