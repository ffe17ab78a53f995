"""The next peak lr of one shape, until the best one is between two others close by.

First a grid over the range; then, as often as it takes, the middle between the best and its neighbours, or
further out where the best is the last on its side. Nothing is assumed about the form of the response, so a
cliff next to the best lr, a flat side and a second valley cost a run or two and not the answer. At any
budget this alone is about as good as a grid of as many peak lrs, mostly better.

Where a run is an eighth of the study or more, there are none to look on both sides: a parabola through the
best and its neighbours says on which side the minimum lies and how far, within limits (successive parabolic
interpolation with the safeguards of Brent: Algorithms for Minimization without Derivatives, 1973, ch. 5).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.strategy.lr_sweep import parabola

SPACING = 1.15
"""Distance of two peak lrs of the grid in the log: half a decade."""
FINEST = 0.8
"""Neighbours this close to the best end the bracketing; the model of all runs does better from there."""
SAME_LR = 0.06
"""Log peak lrs within this of each other are not worth two runs."""
FEWEST, MOST = 3, 9
FEW_RUNS = 8
"""Up to so many runs a study goes where a parabola points; with more that is no better (replay.py)."""
LEAST_OF_GAP, MOST_OF_GAP = 0.3, 0.5
"""How far it goes from the best towards a neighbour, as shares of their distance."""


@dataclass(frozen=True)
class LrBracket:
    """The plan of one study.

    Attributes:
        low, high: log peak lrs, both included.
        grid: the first log peak lrs, in the order in which they are tried.
        most_runs: the bracketing takes no more.
        leaps: whether the first of what it tries around the best is where a parabola points.
    """

    low: float
    high: float
    grid: tuple[float, ...]
    most_runs: int
    leaps: bool = False

    def next(self, values: Mapping[float, float], in_training: Sequence[float]) -> list[float] | None:
        """The log peak lrs to try now; empty: it is done; None: what is in training decides.

        Args:
            values: log peak lr -> the mean of its values, lower is better, of finished runs.
            in_training: log peak lrs of the others.
        """
        asked = [*values, *in_training]
        missing = [x for x in self.grid if not _near(x, asked)]
        if missing:
            return missing[: max(0, self.most_runs - len(asked))]
        if len(asked) >= self.most_runs:
            return []
        if in_training:
            return None
        around = [*self._leap(values), *self._around_best(values)]
        wanted = [x for x in dict.fromkeys(around) if not _near(x, asked)]
        return wanted[: self.most_runs - len(asked)]

    def _around_best(self, values: Mapping[float, float]) -> list[float]:
        """Both sides of the best, the better neighbour's first; of equals the lowest lr is the best."""
        tried = sorted(values)
        best = min(range(len(tried)), key=lambda i: values[tried[i]])
        sides: list[tuple[float, float]] = []
        for neighbour in (best - 1, best + 1):
            if 0 <= neighbour < len(tried):
                gap = tried[neighbour] - tried[best]
                if abs(gap) > FINEST:
                    sides.append((values[tried[neighbour]], tried[best] + gap / 2))
            elif len(tried) > 1:
                inner = tried[best] - tried[2 * best - neighbour]
                sides.append((-math.inf, min(max(tried[best] + inner, self.low), self.high)))
        return [x for _, x in sorted(sides)]

    def _leap(self, values: Mapping[float, float]) -> list[float]:
        """Towards the minimum of the parabola, where the way to the neighbour there is long; or none.

        From the last on its side it goes inwards alone, and half-way: further out is `_around_best`'s.
        """
        tried = sorted(values)
        if not self.leaps or len(tried) < 3:
            return []
        best = min(range(len(tried)), key=lambda i: values[tried[i]])
        first = min(max(best - 1, 0), len(tried) - 3)
        near = tried[first : first + 3]
        bend, minimum = parabola(near, _finite([values[x] for x in near]))
        offset = minimum - tried[best]
        side = best + (1 if offset > 0 else -1)
        if bend <= 0 or not 0 <= side < len(tried):
            return []
        gap = abs(tried[side] - tried[best])
        share = abs(offset) / gap
        if best in (0, len(tried) - 1):
            share = MOST_OF_GAP if share > LEAST_OF_GAP / 2 else 0.0
        if gap <= FINEST or share == 0.0:
            return []
        return [tried[best] + math.copysign(min(max(share, LEAST_OF_GAP), MOST_OF_GAP) * gap, offset)]


def _finite(values: Sequence[float]) -> list[float]:
    """What diverged counts as twice as far above the best as the worst of the others."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return [0.0] * len(values)
    beyond = 2 * max(known) - min(known) + 1e-9
    return [value if math.isfinite(value) else beyond for value in values]


def plan_bracket(
    low: float, high: float, *, n_runs: int | None, start: float | None = None, centre: float | None = None
) -> LrBracket:
    """The bracket a study can afford.

    Args:
        low: lower end of the range of the log peak lr.
        high: upper end.
        n_runs: full runs of the whole study; None where only time limits it.
        start: where to begin instead of a grid over the whole range.
        centre: about the best log peak lr, where short trainings have told.

    >>> [round(x, 2) for x in plan_bracket(0.0, 4.0, n_runs=8).grid]
    [2.0, 0.67, 3.33]
    """
    most = most_runs(n_runs)
    leaps = n_runs is not None and n_runs <= FEW_RUNS
    if high - low < SAME_LR:
        return LrBracket(low, high, ((low + high) / 2,), 1)
    middle = centre if centre is not None else start
    if middle is not None:
        half = SPACING / 2 if centre is not None else SPACING
        grid = [x for x in (middle, middle - half, middle + half) if low <= x <= high]
        return LrBracket(low, high, tuple(grid or [min(max(middle, low), high)]), most, leaps)
    count = max(FEWEST, round((high - low) / SPACING))
    if n_runs is not None:
        count = min(count, max(FEWEST, math.ceil(n_runs / 2)))
    cells = [low + (high - low) * (i + 0.5) / count for i in range(count)]
    cells.sort(key=lambda x: abs(x - (low + high) / 2))
    return LrBracket(low, high, tuple(cells), max(most, min(count, n_runs or count)), leaps)


SHARE, FEW = 0.75, 6
"""Largest share of a study's runs for the bracketing; of the first few it may take all."""


def most_runs(n_runs: int | None) -> int:
    """Most runs for the bracketing, of the full runs that a study can afford; None: time limits it.

    >>> [most_runs(n) for n in (4, 8, 24, None)]
    [4, 6, 9, 9]
    """
    return MOST if n_runs is None else min(MOST, max(min(n_runs, FEW), math.ceil(SHARE * n_runs)))


def _near(x: float, others: Sequence[float]) -> bool:
    return any(abs(x - other) < SAME_LR for other in others)
