"""`Strategy`: which trial a study should train next.

In this order, each as soon as what it needs has been measured:

1. the peak lr of one plain shape: a sweep in short trainings where there can be any, then full runs that
   bracket the best one, further out while it lies at the edge. At a budget of a few runs this is the search;
2. the portfolio: known shapes, each once, at the peak lr at which the model expects it to be best;
3. then two of three trials go to the shape *and* peak lr with the highest expected improvement, among many
   shapes drawn from the space (plain ones, wild ones, neighbours of the best), each at many peak lrs; and one
   of three to another seed of a schedule that could be the best, so that nobody leads by luck: a challenger
   earns seeds as long as it may win (compare Lindauer et al., SMAC3, JMLR 2022).

Trials are proposed a round at a time (`search.strategy.rounds` has what a round may know). A round is a pure
function of the study, its seed and the trials it is shown: any number of processes decide alike, and a
resumed study goes on where it was. Trials in training count as measured at their expected value.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from optuna.trial import FrozenTrial

from search.runs import seeds
from search.runs.trial import Trial
from search.runs.trial_attributes import SWEEP
from search.spec.study import StudySpec
from search.strategy.acquisition import Acquisition
from search.strategy.initial_design import portfolio
from search.strategy.initial_lr import InitialLrs
from search.strategy.learning_runs import learning_runs
from search.strategy.lr_sweep import sweep_plan
from search.strategy.progress import EvaluatedTrial, Progress, value_of
from search.strategy.proposal import WAIT, Proposal, ProposalBuilder, Wait
from search.strategy.round_model import RoundModel
from search.strategy.scales import Scales
from search.strategy.study_law import law_of
from search.strategy.surrogate import Surrogate
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule

SHARE_OF_PORTFOLIO = 0.25
FIT_GROWTH = 1.25
"""The model's scales are fitted anew when there are this many times more runs than at the last fit."""
MOST_RUNS_WHILE_SEARCHING = 200
"""A round learns from so many runs; what is answered at the end, from all that `learning_runs` takes."""


class Strategy:
    """What a study trains next.

    Args:
        spec: the study.
        n_runs: how many full runs the study can afford; None where only time limits it.
        may_shorten: whether a training can have another horizon than the study's.
        earlier: the best shapes of earlier studies, tried among the first.
        seed: of the draws; None: the study's.
    """

    def __init__(
        self,
        spec: StudySpec,
        *,
        n_runs: int | None,
        may_shorten: bool = True,
        earlier: Sequence[WarmbootSchedule] = (),
        seed: int | None = None,
    ) -> None:
        builder = ProposalBuilder(spec, np.random.default_rng(spec.seed))
        shapes = portfolio(builder.space, earlier) or [builder.drawn_schedule()]
        sweep = sweep_plan(
            builder.lr, builder.total_steps, n_trials=spec.limit.n_trials, may_shorten=may_shorten
        )
        most = len(shapes) if n_runs is None else max(1, int(n_runs * SHARE_OF_PORTFOLIO))
        self._builder, self._seed = builder, spec.seed if seed is None else seed
        self._initial_lrs = InitialLrs(builder, sweep, shapes[0], n_runs)
        known = baselines().values()
        known_inside = [shape for shape in portfolio(builder.space) if shape in known]
        self._acquisition = Acquisition(builder, shapes[1 : 1 + most], known_inside)
        self._fitted: tuple[list[int], Scales] | None = None

    def __call__(self, trials: Sequence[FrozenTrial]) -> Proposal | Wait:
        """What to train next: the first of a round."""
        return next(self.round(trials), WAIT)

    def round(self, trials: Sequence[FrozenTrial], size: int = 1) -> Iterator[Proposal]:
        """The trials to train next, each of them chosen knowing those before it; none where what is in
        training decides.

        Args:
            trials: of the study, as far as the round may know them; see `search.strategy.rounds`.
            size: how many of them are wanted.
        """
        self._builder.rng = np.random.default_rng(seeds.round_seed(self._seed, len(trials)))
        progress = self._builder.reader.read(trials)
        model: RoundModel | None = None
        while True:
            proposal = self._initial_lrs.next(progress if model is None else model.progress)
            if proposal is None and model is None and progress.done:
                runs = learning_runs(progress.done, MOST_RUNS_WHILE_SEARCHING)
                model = RoundModel(progress, self._surrogate_of_a_round(progress, runs), runs, size)
            if proposal is None and model is not None:
                proposal = self._acquisition.next(model)
            elif proposal is None and not progress.in_training:
                proposal = self._initial_lrs.once_more()
            if not isinstance(proposal, Proposal):
                return
            yield proposal
            progress = self._with(proposal, progress, model)

    def read(self, trials: Sequence[Trial]) -> Progress:
        """What the study has measured."""
        return self._builder.reader.read(trials)

    def surrogate(self, progress: Progress, scales: Scales | None = None) -> Surrogate:
        """The model of what was measured; where trainings failed it is as bad as anywhere.

        `scales`: of an earlier fit; None fits them.
        """
        worst = max(value_of(tried) for tried in progress.done)
        seen = [tried.observed(value_of(tried)) for tried in progress.done]
        shut = scales is not None and not scales.law
        law = None if shut else law_of(progress.curves, self._builder.total_steps)
        return Surrogate([*seen, *(tried.observed(worst) for tried in progress.failed)], scales, law)

    def _surrogate_of_a_round(self, progress: Progress, runs: list[EvaluatedTrial]) -> Surrogate:
        """The scales are those of the last number of runs at which they are fitted, whoever fits them."""
        fitted_to = progress.done[: last_fit(len(progress.done))]
        numbers = [tried.number for tried in fitted_to]
        if self._fitted is None or self._fitted[0] != numbers:
            then = learning_runs(fitted_to, MOST_RUNS_WHILE_SEARCHING)
            curves = [curve for curve in progress.curves if curve.number <= numbers[-1]]
            scales = self.surrogate(replace(progress, done=then, failed=[], curves=curves)).scales
            self._fitted = (numbers, scales)
        return self.surrogate(replace(progress, done=runs), self._fitted[1])

    def _with(self, proposal: Proposal, progress: Progress, model: RoundModel | None) -> Progress:
        if proposal.purpose == SWEEP:
            swept, waiting = progress.n_swept + 1, progress.sweep_in_training + 1
            return replace(progress, n_swept=swept, sweep_in_training=waiting)
        chosen: EvaluatedTrial = self._builder.reader.shape(proposal.params)
        if model is not None:
            model.add(chosen)
            return model.progress
        return replace(progress, in_training=[*progress.in_training, chosen])


def last_fit(n_runs: int) -> int:
    """The largest number of runs, not above this one, at which the scales are fitted anew; at least 1.

    >>> [last_fit(n) for n in (1, 2, 6, 7, 24, 200)]
    [1, 2, 5, 7, 24, 185]
    """
    fitted = 1
    while (following := math.ceil(FIT_GROWTH * fitted)) <= n_runs:
        fitted = following
    return fitted
