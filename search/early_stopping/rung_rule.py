"""Whether a trial that is part of the way could still be the best of its study.

A value in the middle of a training is not comparable with one at its end; how much it says about the end is
learnt from the trials of the study that went all the way. Their final values are fitted as a line in their
values at the rung; what the line leaves unexplained is the noise of the prediction. A trial is stopped where
its value at the rung makes it `FACTOR` times less likely to become the best than a trial of which nothing is
known. So a rung that says nothing stops no trial, and no trial waits for others (compare Li et al., arXiv
1810.05934, where a fixed share is stopped whether or not the rung can tell them apart).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes long to import, and every worker comes here

from search.direction import Direction, sign_of

LEAST_TRIALS = 8
"""Finished trials before the first decision."""
FACTOR = 4.0


@dataclass(frozen=True)
class Decision:
    """A decision about a trial at a rung."""

    stop: bool
    expected: float | None
    """The final value that its value at the rung lets expect, in the unit of the objective; None where too
    little is known."""
    why: str


def decide(
    value: float, finished: Sequence[tuple[float, float]], *, direction: Direction, rung: str
) -> Decision | None:
    """Judge one trial at one rung.

    Args:
        value: its value there.
        finished: value at the same rung and final value of every trial that went all the way.
        direction: "minimize" or "maximize".
        rung: names the rung in the explanation, as in "66 of 600 steps".

    Returns:
        None where too few trials have finished to learn from.

    >>> finished = [(x, x / 2) for x in (4.0, 4.1, 4.2, 4.3, 4.4, 4.5, 4.6, 4.7)]
    >>> decide(6.0, finished, direction="minimize", rung="60 of 600 steps").stop
    True
    >>> decide(4.0, finished, direction="minimize", rung="60 of 600 steps").stop
    False
    """
    outlook = foreseen(value, finished)
    if outlook is None:
        return None
    expected, error = outlook
    sign = sign_of(direction)
    best = sign * min(sign * final for _, final in finished)
    stop = FACTOR * _chance(sign * (best - expected), error, len(finished)) < _chance_of_any(finished, sign)
    why = (
        f"{value:.4g} at {rung}: such trials end at {expected:.4g} ± {error:.2g}, the best is at "
        f"{best:.4g}; it {'is not expected to become the best' if stop else 'may be the best yet'}"
    )
    return Decision(stop, expected, why)


def foreseen(value: float, finished: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """The final value that a value at a rung lets expect, and its standard error; see `decide`."""
    if len(finished) < LEAST_TRIALS:
        return None
    rungs, finals = np.array(finished, dtype=float).T
    slope, noise = _line(rungs, finals)
    distance = value - float(rungs.mean())
    spread = float(((rungs - rungs.mean()) ** 2).sum())
    # Further from the others than any of them, the line is less sure.
    remote = distance**2 / spread if spread > 0 else 0.0
    return float(finals.mean()) + slope * distance, noise * math.sqrt(1.0 + 1.0 / len(rungs) + remote)


def _chance_of_any(finished: Sequence[tuple[float, float]], sign: float) -> float:
    """Probability that a trial of which nothing is known ends better than the best."""
    finals = sign * np.array([final for _, final in finished])
    error = float(finals.std(ddof=1)) * math.sqrt(1.0 + 1.0 / len(finals))
    return _chance(float(finals.min() - finals.mean()), error, len(finals))


def _chance(distance: float, error: float, n: int) -> float:
    """Probability that a value of mean 0 and standard error `error` is below `distance`."""
    if error == 0.0:
        return float(distance > 0)
    return float(special.stdtr(n - 2, distance / error))


def _line(rungs: NDArray[np.float64], finals: NDArray[np.float64]) -> tuple[float, float]:
    """Slope (none below 0: a worse rung promises no better end) and standard deviation around the line."""
    x, y = rungs - rungs.mean(), finals - finals.mean()
    squares = float(x @ x)
    slope = max(0.0, float(x @ y) / squares) if squares > 0 else 0.0
    noise = float(np.sqrt(((y - slope * x) ** 2).sum() / (len(x) - 2)))
    return slope, max(noise, 1e-9 * float(y.std()))  # a perfect line is rounded, too
