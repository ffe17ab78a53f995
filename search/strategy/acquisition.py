"""The search for a better schedule once a peak lr is bracketed: shape and peak lr together, and seeds."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes long to import, and every worker comes here

from search.strategy.candidates import LocalTrial, PriorTrial, StandInTrial, UniformTrial
from search.strategy.learning_runs import identity
from search.strategy.lr_bracket import SAME_LR
from search.strategy.progress import EvaluatedTrial, Progress, alike, points_of
from search.strategy.proposal import ExpectedGain, Proposal, ProposalBuilder
from search.strategy.surrogate import Points, Surrogate
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
SEEDS_FROM = 9
"""Full runs before that: until then another lr or shape tells more."""
BASELINE_EVERY = 4
"""One of this many goes to the baselines: what a searched schedule is compared with has to be tuned too."""
MOST_SEEDS = 10
BEYOND = 0.6
"""How far beyond the tried peak lrs others are considered, in the log."""
N_COARSE, N_CLOSE, CLOSE = 17, 13, 0.6
"""Peak lrs at which each shape is considered: so many over all that was tried, and so many within `CLOSE`
of the leader's."""
SLACK = 0.05
"""How far outside the range a peak lr may lie before it is drawn to its end."""


class Acquisition:
    """Proposes trials of one study from its progress and the model of it.

    Args:
        workshop: of the study.
        known: the rest of the portfolio, each tried once.
        baselines: the schedules of the space that everybody knows.
    """

    def __init__(
        self,
        workshop: ProposalBuilder,
        known: Sequence[WarmbootSchedule],
        baselines: Sequence[WarmbootSchedule],
    ) -> None:
        self._workshop = workshop
        self._known = [workshop.known(schedule) for schedule in known]
        self._baselines = [workshop.known(schedule) for schedule in baselines]
        self._candidates: deque[EvaluatedTrial] = deque(maxlen=CANDIDATES)

    def next(self, progress: Progress, response: Surrogate) -> Proposal:
        """The next trial."""
        mean, sd = response.predict(points_of(progress.done))
        order = np.argsort(mean + CAUTION * sd)
        ranked = [progress.done[i] for i in order]
        known = self._known_shape(progress, ranked[0], response)
        if known is not None:
            return known
        if progress.n_full >= SEEDS_FROM and progress.n_full % SEED_EVERY == 0:
            again = self._another_seed(ranked, mean[order], sd[order], progress)
            if again is not None:
                return again
        if progress.n_full % BASELINE_EVERY == 1 and self._baselines:
            return self._better_baseline(ranked, mean[order], response, progress)
        return self._most_promising(ranked, response, float(mean[order[0]]), progress)

    def _known_shape(
        self, progress: Progress, leader: EvaluatedTrial, response: Surrogate
    ) -> Proposal | None:
        """The next shape of the portfolio that was not tried, where it is expected to be best."""
        tried = progress.done + progress.in_training
        while self._known and alike(tried, self._known[0]):
            self._known.pop(0)
        for known in self._known[:1]:
            _, log_lrs, _, _ = self._scored([known], leader, response, best=None)
            return self._workshop.at(known, float(log_lrs[0]), "a known shape at its expected best peak lr")
        return None

    def _another_seed(
        self,
        ranked: Sequence[EvaluatedTrial],
        mean: NDArray[np.float64],
        sd: NDArray[np.float64],
        progress: Progress,
    ) -> Proposal | None:
        """Of the best searched schedule and the best baseline, the one with fewer seeds: which of the two is
        the answer hangs on them. With one kind alone, the best and its strongest challenger, the schedule
        most likely to be better. None where both have `MOST_SEEDS`.
        """
        seeds: dict[str, int] = defaultdict(int)
        for tried in progress.done + progress.in_training:
            seeds[identity(tried.params)] += 1
        leader = identity(ranked[0].params)
        first = {bool(self._workshop.name_of(t)): i for i, t in reversed(list(enumerate(ranked)))}
        pair = sorted(first.values())
        others = [i for i, tried in enumerate(ranked) if identity(tried.params) != leader]
        if len(pair) == 1 and others:
            pair.append(max(others, key=lambda i: (mean[0] - mean[i]) / float(np.hypot(sd[0], sd[i]))))
        chosen = min(pair, key=lambda i: seeds[identity(ranked[i].params)])
        if seeds[identity(ranked[chosen].params)] >= MOST_SEEDS:
            return None
        role = "the best so far" if chosen == 0 else "it may be the best"
        why = f"another seed: {role}, expected {abs(mean[chosen]):.4g} ± {sd[chosen]:.2g}"
        return self._workshop.again(ranked[chosen], why)

    def _better_baseline(
        self,
        ranked: Sequence[EvaluatedTrial],
        mean: NDArray[np.float64],
        response: Surrogate,
        progress: Progress,
    ) -> Proposal:
        """Of the baselines, each at many peak lrs, the one that may be better than the best of them."""
        tried = [i for i, t in enumerate(ranked) if self._workshop.name_of(t)]
        best = float(mean[tried[0]]) if tried else float(mean[0])
        leader = ranked[tried[0]] if tried else ranked[0]
        shapes = [*self._baselines, leader] if tried else self._baselines
        gains, log_lrs, expected, sd = self._scored(shapes, leader, response, best=best)
        chosen = int(np.argmax(gains))
        why = f"a baseline, expected {abs(expected[chosen]):.4g} ± {sd[chosen]:.2g}; the best {abs(best):.4g}"
        return self._at(shapes[chosen], float(log_lrs[chosen]), progress, why)

    def _at(
        self,
        shape: EvaluatedTrial,
        log_lr: float,
        progress: Progress,
        why: str,
        outlook: ExpectedGain | None = None,
    ) -> Proposal:
        """A run of a shape; at almost the same lr as an earlier one it is one more seed of that."""
        for tried in progress.done + progress.in_training:
            if tried.shape.alike(shape.shape) and abs(tried.log_lr - log_lr) < SAME_LR:
                return self._workshop.again(tried, why, outlook=outlook)
        return self._workshop.at(shape, log_lr, why, outlook=outlook)

    def _most_promising(
        self, ranked: Sequence[EvaluatedTrial], response: Surrogate, best: float, progress: Progress
    ) -> Proposal:
        """Of many shapes, each at many peak lrs, the one with the highest expected improvement (Jones et
        al., 1998)."""
        leader = ranked[0]
        drawn = self._drawn(ranked[:LEADERS_WITH_NEIGHBOURS])
        gains, log_lrs, mean, sd = self._scored(drawn, leader, response, best=best)
        chosen = int(np.argmax(gains))
        behind, apart_sd = response.differences(_moved(drawn, log_lrs), points_of([leader]))
        outlook = ExpectedGain(
            left_to_gain=float(expected_improvement(behind, apart_sd).max()),
            noise_sd=response.noise_sd,
            n_full=progress.n_full,
            leader_seeds=sum(identity(t.params) == identity(leader.params) for t in progress.done),
        )
        why = f"expected {abs(mean[chosen]):.4g} ± {sd[chosen]:.2g}; the best so far {abs(best):.4g}"
        return self._at(drawn[chosen], float(log_lrs[chosen]), progress, why, outlook)

    def _drawn(self, leaders: Sequence[EvaluatedTrial]) -> list[EvaluatedTrial]:
        """Plain shapes, wild ones, neighbours of the leaders, and the leaders themselves."""
        rng = self._workshop.rng
        draws: list[StandInTrial] = [UniformTrial(rng)] * N_WILD
        draws += [PriorTrial(rng)] * N_PLAIN
        for number in range(N_NEIGHBOURS):
            draws.append(LocalTrial(rng, leaders[number % len(leaders)].params))
        self._candidates.extend(self._workshop.draw(draw) for draw in draws)
        return [*self._candidates, *leaders, *self._baselines]

    def _scored(
        self,
        shapes: Sequence[EvaluatedTrial],
        leader: EvaluatedTrial,
        response: Surrogate,
        *,
        best: float | None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Each shape at the best of many peak lrs: its gain, log peak lr, expected value and deviation.

        `best`: the gain is the expected improvement on this value; None: it is minus the expected value.
        """
        places = self._places(leader, response)
        points = points_of(shapes)
        log_lrs = places[None, :] + response.scales.rho * points.log_scale[:, None]
        low, high = self._workshop.log_lr_range
        if high - low < SAME_LR:
            log_lrs = np.full((len(shapes), 1), low)
            found = response.predict(points._replace(log_lr=log_lrs[:, 0]))
            mean, sd = found[0][:, None], found[1][:, None]
        else:
            mean, sd = response.predict_along(points.features, places)
        gains = -(mean + CAUTION * sd) if best is None else expected_improvement(mean - best, sd)
        inside = (log_lrs >= low - SLACK) & (log_lrs <= high + SLACK)
        gains = np.where(inside, gains, gains.min() - np.abs(log_lrs - (low + high) / 2))
        rows, at = np.arange(len(shapes)), gains.argmax(1)
        return gains[rows, at], np.clip(log_lrs, low, high)[rows, at], mean[rows, at], sd[rows, at]

    def _places(self, leader: EvaluatedTrial, response: Surrogate) -> NDArray[np.float64]:
        """Peak lrs of linear at which shapes are considered, in the log."""
        low, high = response.tried_range
        if high - low < SAME_LR and not isinstance(self._workshop.lr, float):
            low, high = self._workshop.log_lr_range
        centre = leader.log_lr - response.scales.rho * leader.shape.log_scale
        close = centre + np.linspace(-CLOSE, CLOSE, N_CLOSE)
        return np.concatenate([np.linspace(low - BEYOND, high + BEYOND, N_COARSE), close])


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


def _moved(shapes: Sequence[EvaluatedTrial], log_lrs: NDArray[np.float64]) -> Points:
    points = points_of(shapes)
    return points._replace(log_lr=log_lrs)
