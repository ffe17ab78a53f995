"""The first runs of a study: the peak lr of one plain shape, which is also what a study falls back on.

A sweep in short trainings where a training can be shortened, then that shape at full length until its best
peak lr is bracketed (`lr_bracket.py`). Whatever is tried afterwards has to be better than this.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from search.runs.trial_attributes import PEAK_LR, SWEEP
from search.strategy.lr_bracket import LrBracket, plan_bracket
from search.strategy.lr_sweep import SweepPlan, best_swept
from search.strategy.progress import EvaluatedTrial, Progress, alike, value_of
from search.strategy.proposal import WAIT, Proposal, ProposalBuilder, Wait
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange


class InitialLrs:
    """Decides them from a study's progress.

    Args:
        builder: of the study.
        sweep: its short trainings; without any, full runs spread over the range of the lr.
        schedule: the first shape of the portfolio.
        n_runs: full runs the study can afford; None where only time limits it.
    """

    def __init__(
        self, builder: ProposalBuilder, sweep: SweepPlan, schedule: WarmbootSchedule, n_runs: int | None
    ) -> None:
        self._builder, self._sweep, self._n_runs = builder, sweep, n_runs
        self._first = builder.known(schedule)
        self._words = schedule.describe()

    def next(self, progress: Progress) -> Proposal | Wait | None:
        """What to train; None once the best peak lr of the first shape lies between two others."""
        if progress.n_swept < len(self._sweep.lrs):
            return self._swept_lr(progress.n_swept)
        if self._is_over(progress):
            return None
        if progress.sweep_in_training:
            return WAIT
        failed = {tried.log_lr: math.inf for tried in alike(progress.failed, self._first)}
        values = failed | _mean_by_lr(alike(progress.done, self._first))
        training = [tried.log_lr for tried in alike(progress.in_training, self._first)]
        wanted = self._bracket(progress).next(values, training)
        if wanted is None:
            return WAIT
        if not wanted:
            return None
        return self._builder.at(self._first, wanted[0], "the peak lr at full length", purpose=PEAK_LR)

    def _is_over(self, progress: Progress) -> bool:
        """Whether another shape has been asked for: that is done once the peak lr is bracketed."""
        asked = (*progress.done, *progress.in_training, *progress.failed)
        return any(tried.shape.key != self._first.shape.key for tried in asked)

    def once_more(self) -> Proposal:
        """What to train where everything has failed so far: whoever counts failures ends the study."""
        low, high = self._builder.log_lr_range
        why = "everything before has failed"
        return self._builder.at(self._first, (low + high) / 2, why, purpose=PEAK_LR)

    def _swept_lr(self, number: int) -> Proposal:
        steps, whole = self._sweep.horizon_steps, self._builder.total_steps
        params = self._builder.with_lr(self._first, math.log(self._sweep.lrs[number]))
        why = f"{self._words} in {steps} steps instead of {whole}, to find the peak lr"
        return Proposal(params, steps, why, purpose=SWEEP)

    def _bracket(self, progress: Progress) -> LrBracket:
        low, high = self._builder.log_lr_range
        shorter = self._builder.total_steps / self._sweep.horizon_steps
        field = self._builder.lr
        start = field.start if isinstance(field, FloatRange) else None
        return plan_bracket(
            low,
            high,
            n_runs=self._n_runs,
            start=None if start is None else math.log(start),
            centre=best_swept(progress.sweep, shortened_by=shorter),
        )


def _mean_by_lr(runs: Sequence[EvaluatedTrial]) -> dict[float, float]:
    """Log peak lr -> the mean of its runs; infinite where one diverged, so that the way leads down."""
    values: dict[float, list[float]] = defaultdict(list)
    for tried in runs:
        values[tried.log_lr].append(math.inf if tried.diverged else value_of(tried))
    return {log_lr: fmean(of_one) for log_lr, of_one in values.items()}
