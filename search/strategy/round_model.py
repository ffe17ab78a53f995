"""What is expected while a round of trials is being chosen.

The trials in training, and those of the round itself, count as measured at their expected values: that
leaves what is expected as it is and makes it surer near them (the "kriging believer" of Ginsbourger et al.,
2010), so that no two trials of a round ask the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from search.strategy.observations import Belief, Points
from search.strategy.posterior import Posterior
from search.strategy.progress import EvaluatedTrial, Progress, points_of
from search.strategy.shape import Shape
from search.strategy.surrogate import Surrogate

CAUTION = 0.5
"""Standard deviations added to what is expected of a schedule before it counts as the best."""


class RoundModel:
    """The model of one round.

    Attributes:
        progress: what is known, the trials chosen so far as in training.
        surrogate: the model of it, what is in training believed.
        measured: the same of what is done alone.
        seeds_of: how many trials, done or in training, each schedule has, by its identity.
        shape_keys: of the shapes of all of them.
        pool: the shapes that compete in the round, once there are any; kept up to date.

    Args:
        progress: what is known before the round; some of it is done.
        surrogate: the model of what is done.
        runs: the runs that it has learnt from, or all that are done.
        size: trials of the round.
    """

    def __init__(
        self, progress: Progress, surrogate: Surrogate, runs: Sequence[EvaluatedTrial], size: int
    ) -> None:
        self.progress = replace(progress, in_training=list(progress.in_training))
        self.surrogate = self.measured = surrogate
        self._runs, self.size = list(runs), size
        known = [*progress.done, *progress.in_training]
        self.seeds_of = Counter(tried.identity for tried in known)
        self._failed = Counter(tried.identity for tried in progress.failed)
        self.shape_keys = {tried.shape.key for tried in known}
        self._done = Posterior(surrogate, points_of(self._runs))
        self.pool: ShapePool | None = None
        if progress.in_training:
            self._believe(progress.in_training)

    def ranked(self) -> tuple[list[EvaluatedTrial], NDArray[np.float64], NDArray[np.float64]]:
        """The runs that were learnt from, best first by the cautious expectation, with mean and deviation."""
        mean, sd = self._done.mean, self._done.sd
        order = np.argsort(mean + CAUTION * sd, kind="stable")
        return [self._runs[i] for i in order], mean[order], sd[order]

    def add(self, chosen: EvaluatedTrial) -> None:
        """Take a trial into the round."""
        chosen = replace(chosen, seed=self.seeds_of[chosen.identity] + self._failed[chosen.identity])
        self.progress.in_training.append(chosen)
        self.seeds_of[chosen.identity] += 1
        self.shape_keys.add(chosen.shape.key)
        self._believe([chosen])

    def _believe(self, runs: Sequence[EvaluatedTrial]) -> None:
        self.surrogate, belief = self.surrogate.believing([tried.observed(0.0) for tried in runs])
        self._done.believe(belief)
        if self.pool is not None:
            self.pool.believe(belief)


class ShapePool:
    """Shapes at many peak lrs each.

    Attributes:
        shapes: `S` of them.
        log_lrs: `S x L`, where each is considered.
    """

    def __init__(
        self,
        surrogate: Surrogate,
        shapes: Sequence[EvaluatedTrial],
        places: NDArray[np.float64],
        *,
        relative: bool = True,
    ) -> None:
        """`places`: log peak lrs, `L`; `relative`: of linear, each shape at its own that are like them."""
        self.shapes = list(shapes)
        scales = np.array([tried.shape.log_scale for tried in shapes])
        shift = surrogate.scales.rho if relative else 0.0
        self.log_lrs = places[None, :] + shift * scales[:, None]
        self._posterior = Posterior(surrogate, spread_points([t.shape for t in shapes], self.log_lrs))

    @property
    def mean(self) -> NDArray[np.float64]:
        """`S x L`."""
        return self._posterior.mean.reshape(self.log_lrs.shape)

    @property
    def sd(self) -> NDArray[np.float64]:
        """`S x L`."""
        return self._posterior.sd.reshape(self.log_lrs.shape)

    def believe(self, belief: Belief) -> None:
        """Take in a run of the round."""
        self._posterior.believe(belief)


def spread_points(shapes: Sequence[Shape], log_lrs: NDArray[np.float64]) -> Points:
    """Shape `i` at each of `log_lrs[i]`: `S x L` points in a row."""
    n_places = log_lrs.shape[1]
    features = np.repeat(np.array([shape.features for shape in shapes]), n_places, axis=0)
    scales = np.repeat(np.array([shape.log_scale for shape in shapes]), n_places)
    return Points(features, log_lrs.ravel(), scales)
