"""The best peak lr from a sweep in which every lr met the same seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search.direction import Direction, sign_of
from search.statistics.lr_curve import ANY_LR, LrCurve, fit_lr_curve

NEAREST = 5
"""How many lrs the parabola is fitted to: the best ones. Farther off no loss is a parabola."""
CLIFF = 4.0
"""Losses farther above the best than this times the third best count as that far."""
FloatArray = NDArray[np.float64]


def fit_lr_sweep(lrs: Sequence[float], values: Sequence[Sequence[float]], *, direction: Direction) -> LrCurve:
    """Find the vertex with what each seed does to the whole sweep taken away first.

    A seed lifts or lowers all lrs alike (`search.strategy.surrogate` has measured how much); that moves no
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
    order = np.argsort(at)
    at, kept = at[order], kept[order] - kept.mean(axis=0) + kept.mean()
    losses = sign_of(direction) * kept
    best = _parabola(at, losses, np.sort(np.argsort(losses.mean(axis=1))[:NEAREST]))
    return best if best.bracket == "bracketed" else _parabola(at, losses, _neighbours(losses), capped=True)


def _neighbours(losses: FloatArray) -> NDArray[np.int_]:
    """The best lr and two on either side.

    Where the loss is flat and noisy up to a cliff, the best lrs alone may seem to fall towards the cliff, and
    what lies beyond it has to be looked at.
    """
    place = int(losses.mean(axis=1).argmin())
    return np.arange(max(0, place - NEAREST // 2), min(len(losses), place + NEAREST // 2 + 1))


def _parabola(
    lrs: FloatArray, losses: FloatArray, chosen: NDArray[np.int_], *, capped: bool = False
) -> LrCurve:
    """Through some of the lrs; `capped`: how high a cliff is says nothing about where the minimum lies."""
    used = losses[chosen]
    means = np.sort(used.mean(axis=1))
    if capped:
        cap = means[0] + CLIFF * (means[min(2, means.size - 1)] - means[0])
        used = used - np.maximum(used.mean(axis=1) - cap, 0.0)[:, None]
        means = np.sort(used.mean(axis=1))
    window = float(means[-1] - means[0])
    dropped = losses.size - used.size
    if not window > 0:
        return LrCurve(
            bracket="no minimum", lr=None, interval=ANY_LR, log_error=math.inf, used=0, dropped=losses.size
        )
    curve = fit_lr_curve(
        np.repeat(lrs[chosen], losses.shape[1]).tolist(),
        used.ravel().tolist(),
        window=window * (1 + 1e-9),  # the worst of the chosen is one of them
        direction="minimize",
    )
    return replace(curve, dropped=dropped)
