"""The best peak lr from a sweep in which every lr met the same seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from search.verdict.lr_curve import ANY_LR, LrCurve, fit_lr_curve
from search.verdict.pairs import Direction, sign_of

NEAREST = 5
"""How many lrs the parabola is fitted to: the best ones. Farther off no loss is a parabola."""


def fit_lr_sweep(lrs: Sequence[float], values: Sequence[Sequence[float]], *, direction: Direction) -> LrCurve:
    """Find the vertex with what each seed does to the whole sweep taken away first.

    A seed lifts or lowers all lrs alike (`search.strategy.response` has measured how much); that moves no
    vertex and would only widen its error.

    Args:
        lrs: `L` different peak lrs above 0, at least 3.
        values: `L x S`, the same `S >= 2` seeds for each; infinite or nan where it diverged, which leaves
            out the lr.
        direction: which values are better.

    Raises:
        ValueError: fewer than three lrs that never diverged.

    >>> curve = fit_lr_sweep(
    ...     [0.5, 1.0, 2.0], [[2.1, 3.1], [2.0, 3.0], [2.1, 3.1]], direction="minimize"
    ... )
    >>> round(curve.lr, 6), curve.bracket
    (1.0, 'bracketed')
    """
    matrix = np.asarray(values, dtype=np.float64)
    seen = np.isfinite(matrix).all(axis=1)
    kept, at = matrix[seen], np.asarray(lrs, dtype=np.float64)[seen]
    if at.size < 3:
        raise ValueError(f"{at.size} of {len(lrs)} lrs never diverged, a parabola needs 3; train lower lrs.")
    kept = kept - kept.mean(axis=0) + kept.mean()
    losses = np.sort(sign_of(direction) * kept.mean(axis=1))
    window = float(losses[min(NEAREST, losses.size) - 1] - losses[0])
    if not window > 0:
        return LrCurve(
            bracket="no minimum", lr=None, interval=ANY_LR, log_error=math.inf, used=0, dropped=matrix.size
        )
    return fit_lr_curve(
        np.repeat(at, kept.shape[1]).tolist(),
        kept.ravel().tolist(),
        window=window * (1 + 1e-9),  # the last of the nearest is one of them
        direction=direction,
    )
