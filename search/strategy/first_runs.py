"""The peak lr: a sweep on the first shape in short trainings, then that shape at full length around it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from search.strategy.lr_sweep import SweepPlan, SweepPoint, cell_centres, swept
from search.strategy.progress import PEAK_LR, SWEEP, Progress, Tried, alike, value_of
from search.strategy.proposal import WAIT, Proposal, Wait, Workshop
from search.strategy.response import LrPrior
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange

WING = 0.35
"""Distance in log lr of the first full runs to either side of the sweep's answer."""
AT_MOST = 6
"""Full runs of the first shape before others are tried."""
SAME_LR = 0.06
"""Log peak lrs within this of each other are not worth two runs."""


class FirstRuns:
    """Decides them from a study's progress.

    Args:
        workshop: of the study.
        sweep: its short trainings; without any, full runs spread over the range of the lr.
        schedule: the first shape of the portfolio.
    """

    def __init__(self, workshop: Workshop, sweep: SweepPlan, schedule: WarmbootSchedule) -> None:
        self._workshop, self._sweep = workshop, sweep
        self._first = workshop.known(schedule)
        self._words = schedule.describe()

    def next(self, progress: Progress) -> Proposal | Wait | None:
        """What to train; None once the best peak lr of the first shape lies between two others."""
        if progress.n_swept < len(self._sweep.lrs):
            return self._swept_lr(progress.n_swept)
        if progress.sweep_in_training:
            return WAIT
        wanted = self._first_xs(progress)
        tried = alike(progress.done + progress.in_training, self._first)
        if len(tried) < len(wanted):
            why = "the peak lr at full length"
            return self._workshop.at(self._first, wanted[len(tried)], why, purpose=PEAK_LR)
        done = alike(progress.done, self._first)
        if len(done) < len(tried) and len(tried) <= AT_MOST and not progress.done_elsewhere(len(done)):
            return WAIT
        beyond = self._beyond(done)
        if beyond is None or len(tried) >= AT_MOST:
            return None
        why = "the peak lr at full length: the best lay at the edge of what was tried"
        return self._workshop.at(self._first, beyond, why, purpose=PEAK_LR)

    def prior(self, progress: Progress) -> LrPrior:
        """What the model starts from: the sweep, or the first full runs where there was none."""
        points = [SweepPoint(math.exp(t.x), value_of(t)) for t in alike(progress.done, self._first)]
        found = self._swept(progress) or swept(points, shortened_by=1.0)
        if found is not None:
            return found
        values = np.array([value_of(tried) for tried in progress.done])
        spread = float(np.subtract(*np.percentile(values, [75, 25])))
        scale = max(5 * spread, 1e-3 * float(np.abs(values).max()), 1e-12)
        return LrPrior(sum(self._workshop.log_lr_range) / 2, scale)

    def _swept_lr(self, number: int) -> Proposal:
        steps, whole = self._sweep.horizon_steps, self._workshop.total_steps
        params = self._workshop.with_x(self._first, math.log(self._sweep.lrs[number]))
        why = f"{self._words} in {steps} steps instead of {whole}, to find the peak lr"
        return Proposal(params, steps, why, purpose=SWEEP)

    def _swept(self, progress: Progress) -> LrPrior | None:
        return swept(progress.sweep, shortened_by=self._workshop.total_steps / self._sweep.horizon_steps)

    def _first_xs(self, progress: Progress) -> list[float]:
        lr, found = self._workshop.lr, self._swept(progress)
        if not isinstance(lr, FloatRange):
            return [math.log(lr)]
        if found is not None:
            return [found.x, found.x - WING, found.x + WING]
        low, middle, high = (math.log(centre) for centre in cell_centres(lr, 3))
        return [middle, low, high]

    def _beyond(self, done: Sequence[Tried]) -> float | None:
        """The next relative log peak lr outwards where the best is the last on its side."""
        if len(done) < 3:
            return None
        ordered = sorted(done, key=lambda tried: tried.x)
        best = min(range(len(ordered)), key=lambda i: value_of(ordered[i]))
        if 0 < best < len(ordered) - 1:
            return None
        edge, inner = ordered[best], ordered[1] if best == 0 else ordered[-2]
        low, high = self._workshop.x_range(self._first)
        x = min(max(edge.x + min(max(edge.x - inner.x, -2 * WING), 2 * WING), low), high)
        return None if abs(x - edge.x) < SAME_LR else x
