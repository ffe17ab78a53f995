"""`Strategy`: which trial a study should train next.

In this order, each as soon as what it needs has been measured:

1. the peak lr of one plain shape: a sweep in short trainings where there can be any, then full runs that
   bracket the best one, further out while it lies at the edge. At a budget of a few runs this is the search;
2. the portfolio: known shapes, each once, at the peak lr at which the model expects it to be best;
3. then two of three trials go to the shape *and* peak lr with the highest expected improvement, among many
   shapes drawn from the space (plain ones, wild ones, neighbours of the best), each at many peak lrs; and one
   of three to another seed of a schedule that could be the best, so that nobody leads by luck: a challenger
   earns seeds as long as it may win (compare Lindauer et al., SMAC3, JMLR 2022).

It reads nothing but the study's trials, so any number of processes decide alike and a resumed study goes on
where it was. Trials in training count as measured at their expected value, which keeps others from
proposing the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from optuna.trial import FrozenTrial

from search.spec.study import StudySpec
from search.strategy.acquisition import Acquisition
from search.strategy.initial_design import portfolio
from search.strategy.initial_lr import InitialLrs
from search.strategy.learning_runs import learning_runs
from search.strategy.lr_sweep import sweep_plan
from search.strategy.progress import Progress, points_of, value_of
from search.strategy.proposal import WAIT, Proposal, ProposalBuilder, Wait
from search.strategy.surrogate import Scales, Surrogate
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule

SHARE_OF_PORTFOLIO = 0.25
FIT_GROWTH = 1.25
"""The model's scales are fitted anew when there are this many times more runs than at the last fit."""


class Strategy:
    """Call it with all trials of the study, under the study's lock."""

    def __init__(
        self,
        spec: StudySpec,
        seed: int,
        *,
        n_runs: int | None,
        may_shorten: bool = True,
        most_in_training: int | None = None,
        earlier: Sequence[WarmbootSchedule] = (),
    ) -> None:
        """
        Args:
            spec: the study.
            seed: of the draws; another one for each process.
            n_runs: how many full runs the study can afford; None where only time limits it.
            may_shorten: whether a training can have another horizon than the study's.
            most_in_training: how many full runs may train at once; None for any number.
            earlier: the best shapes of earlier studies, tried among the first.
        """
        workshop = ProposalBuilder(spec, np.random.default_rng(seed))
        shapes = portfolio(workshop.space, earlier) or [workshop.drawn_schedule()]
        sweep = sweep_plan(
            workshop.lr, workshop.total_steps, n_trials=spec.limit.n_trials, may_shorten=may_shorten
        )
        most = len(shapes) if n_runs is None else max(1, int(n_runs * SHARE_OF_PORTFOLIO))
        self._reader = workshop.reader
        self._first_runs = InitialLrs(workshop, sweep, shapes[0], n_runs)
        known = baselines().values()
        known_inside = [shape for shape in portfolio(workshop.space) if shape in known]
        self._improvement = Acquisition(workshop, shapes[1 : 1 + most], known_inside)
        self._most_in_training = most_in_training
        self._scales: Scales | None = None
        self._fitted_to = 0

    def __call__(self, trials: Sequence[FrozenTrial]) -> Proposal | Wait:
        """What to train next."""
        progress = self._reader.read(trials)
        most = self._most_in_training
        if most is not None and len(progress.in_training) >= most:
            return WAIT
        first = self._first_runs.next(progress)
        if first is not None:
            return first
        if not progress.done:
            return WAIT if progress.in_training else self._first_runs.once_more()
        return self._improvement.next(progress, self.response(progress))

    def read(self, trials: Sequence[FrozenTrial]) -> Progress:
        """What the study has measured."""
        return self._reader.read(trials)

    def response(self, progress: Progress) -> Surrogate:
        """The model of what was measured, with what is in training at its expected value; where trainings
        failed it is as bad as anywhere."""
        learnt_from = learning_runs(progress.done)
        seen = [tried.observed(value_of(tried)) for tried in learnt_from]
        worst = max(value_of(tried) for tried in learnt_from)
        seen += [tried.observed(worst) for tried in progress.failed]
        if len(seen) >= FIT_GROWTH * self._fitted_to:
            self._scales, self._fitted_to = None, len(seen)
        response = Surrogate(seen, self._scales)
        self._scales = response.scales
        training = progress.in_training
        if not training:
            return response
        means, _ = response.predict(points_of(training))
        expected = [tried.observed(float(mean)) for tried, mean in zip(training, means, strict=True)]
        return Surrogate([*seen, *expected], self._scales)
