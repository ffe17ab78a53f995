"""The search for a better shape once the peak lr is known: new shapes, and more seeds for the best."""

from __future__ import annotations

import json
import math
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes long to import, and every worker comes here

from search.strategy.drawing import NeighbourDraw, PlainDraw, WildDraw
from search.strategy.first_runs import SAME_LR
from search.strategy.progress import Progress, Tried, alike
from search.strategy.proposal import Outlook, Proposal, Workshop
from search.strategy.response import Response
from warmboot.schedule import WarmbootSchedule

N_WILD, N_PLAIN, N_NEIGHBOURS = 4, 12, 24
"""Shapes drawn for one proposal."""
CANDIDATES = 160
"""The last so many of those drawn compete: a shape that was not chosen may be the next."""
LEADERS_WITH_NEIGHBOURS = 6
CAUTION = 0.5
"""Standard deviations added to what is expected of a schedule before it counts as the best."""
SEED_EVERY = 3
"""One of this many trials gives another seed to a schedule that could be the best."""
MOST_SEEDS = 10


class Improvement:
    """Proposes trials of one study from its progress and the model of it.

    Args:
        workshop: of the study.
        known: the rest of the portfolio.
    """

    def __init__(self, workshop: Workshop, known: Sequence[WarmbootSchedule]) -> None:
        self._workshop = workshop
        self._known = [workshop.known(schedule) for schedule in known]
        self._candidates: deque[Tried] = deque(maxlen=CANDIDATES)

    def next(self, progress: Progress, response: Response) -> Proposal:
        """The next trial."""
        known = self._known_shape(progress, response)
        if known is not None:
            return known
        mean, sd = response.predict(features_of(progress.done), xs_of(progress.done))
        order = np.argsort(mean + CAUTION * sd)
        ranked = [progress.done[i] for i in order]
        if progress.n_full % SEED_EVERY == 0:
            again = self._another_seed(ranked, mean[order], sd[order], progress)
            if again is not None:
                return again
        return self._new_shape(ranked, response, float(mean[order[0]]), progress)

    def _known_shape(self, progress: Progress, response: Response) -> Proposal | None:
        """The next shape of the portfolio that was not tried, at its expected best peak lr."""
        tried = progress.done + progress.in_training
        while self._known and alike(tried, self._known[0]):
            self._known.pop(0)
        for known in self._known[:1]:
            x = self._best_xs([known], response)[0]
            return self._workshop.at(known, x, "a known shape at its expected best peak lr")
        return None

    def _another_seed(
        self,
        ranked: Sequence[Tried],
        mean: NDArray[np.float64],
        sd: NDArray[np.float64],
        progress: Progress,
    ) -> Proposal | None:
        """Of the leader and its strongest challenger, the one with fewer seeds.

        The strongest challenger is the schedule most likely to be better than the leader. None where both
        have `MOST_SEEDS`.
        """
        seeds: dict[str, int] = defaultdict(int)
        for tried in progress.done + progress.in_training:
            seeds[_identity(tried.params)] += 1
        leader = _identity(ranked[0].params)
        others = [i for i, tried in enumerate(ranked) if _identity(tried.params) != leader]
        pair = [0]
        if others:
            pair.append(max(others, key=lambda i: (mean[0] - mean[i]) / float(np.hypot(sd[0], sd[i]))))
        chosen = min(pair, key=lambda i: seeds[_identity(ranked[i].params)])
        if seeds[_identity(ranked[chosen].params)] >= MOST_SEEDS:
            return None
        role = "the best so far" if chosen == 0 else "it may be the best"
        why = f"another seed: {role}, expected {abs(mean[chosen]):.4g} ± {sd[chosen]:.2g}"
        return self._workshop.again(ranked[chosen], why)

    def _new_shape(
        self, ranked: Sequence[Tried], response: Response, best: float, progress: Progress
    ) -> Proposal:
        """Of many shapes the one with the highest expected improvement (Jones et al., 1998)."""
        drawn = self._drawn(ranked[:LEADERS_WITH_NEIGHBOURS])
        xs = self._best_xs(drawn, response)
        mean, sd = response.predict(features_of(drawn), xs)
        chosen = int(np.argmax(expected_improvement(mean - best, sd)))
        leader = ranked[0]
        behind, apart_sd = response.differences(features_of(drawn), xs, leader.shape.features, leader.x)
        outlook = Outlook(
            left_to_gain=float(expected_improvement(behind, apart_sd).max()),
            noise_sd=response.noise_sd,
            n_full=progress.n_full,
            leader_seeds=sum(_identity(t.params) == _identity(leader.params) for t in progress.done),
        )
        why = f"expected {abs(mean[chosen]):.4g} ± {sd[chosen]:.2g}; the best so far {abs(best):.4g}"
        for tried in ranked:  # a run at almost the same lr is one more seed of it
            if tried.shape.alike(drawn[chosen].shape) and abs(tried.x - xs[chosen]) < SAME_LR:
                return self._workshop.again(tried, why, outlook=outlook)
        return self._workshop.at(drawn[chosen], xs[chosen], why, outlook=outlook)

    def _drawn(self, leaders: Sequence[Tried]) -> list[Tried]:
        """Plain shapes, wild ones, neighbours of the leaders, and the leaders themselves."""
        rng = self._workshop.rng
        draws: list[WildDraw] = [WildDraw(rng)] * N_WILD + [PlainDraw(rng)] * N_PLAIN
        for number in range(N_NEIGHBOURS):
            draws.append(NeighbourDraw(rng, leaders[number % len(leaders)].params))
        self._candidates.extend(self._workshop.draw(draw) for draw in draws)
        return [*self._candidates, *leaders]

    def _best_xs(self, shapes: Sequence[Tried], response: Response) -> NDArray[np.float64]:
        """The expected best relative log peak lr of each, near where any was tried and inside the range."""
        ranges = np.array([self._workshop.x_range(shape) for shape in shapes])
        low, high = response.tried_range
        xs = response.best_x(features_of(shapes), low, high)
        return np.clip(xs, ranges[:, 0], ranges[:, 1])


def expected_improvement(behind: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much each is expected to be better than the best, 0 where it is not (Jones et al., 1998).

    Args:
        behind: how much worse each is expected to be.
        sd: standard deviation of that, > 0.
    """
    score = -behind / sd
    density = np.exp(-(score**2) / 2) / math.sqrt(2 * math.pi)
    gains: NDArray[np.float64] = sd * (score * special.ndtr(score) + density)
    return gains


def features_of(runs: Sequence[Tried]) -> NDArray[np.float64]:
    """`M x F`."""
    return np.array([tried.shape.features for tried in runs])


def xs_of(runs: Sequence[Tried]) -> NDArray[np.float64]:
    """`M`, relative log peak lrs."""
    return np.array([tried.x for tried in runs])


def _identity(params: Mapping[str, Any]) -> str:
    return json.dumps(dict(params), sort_keys=True)
