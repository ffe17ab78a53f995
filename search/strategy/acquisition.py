"""The search for a better schedule once a peak lr is bracketed: shape and peak lr together, and seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes long to import, and every worker comes here

from search.strategy.candidates import LocalTrial, PriorTrial, StandInTrial, UniformTrial
from search.strategy.lr_bracket import SAME_LR
from search.strategy.progress import EvaluatedTrial, Progress, points_of
from search.strategy.proposal import ExpectedGain, Proposal, ProposalBuilder
from search.strategy.round_model import CAUTION, RoundModel, ShapePool
from search.strategy.surrogate import Surrogate
from warmboot.schedule import WarmbootSchedule

N_WILD, N_PLAIN, N_NEIGHBOURS = 4, 12, 24
"""Shapes drawn for each trial of a round."""
LEAST_DRAWN_FOR = 3
"""Trials; a smaller round draws as many shapes."""
SHORTLIST = 48
"""Of those so many are looked at closely."""
COARSE_PLACES = (-0.6, -0.3, 0.0, 0.3, 0.6)
"""Log peak lrs, relative to the leader's, at which they are compared for that."""
LEADERS_WITH_NEIGHBOURS = 6
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
        builder: of the study's trials.
        known: the rest of the portfolio, each tried once.
        baselines: the schedules of the space that everybody knows.
    """

    def __init__(
        self,
        builder: ProposalBuilder,
        known: Sequence[WarmbootSchedule],
        baselines: Sequence[WarmbootSchedule],
    ) -> None:
        self._builder = builder
        self._known = [builder.known(schedule) for schedule in known]
        self._baselines = [builder.known(schedule) for schedule in baselines]

    def next(self, model: RoundModel) -> Proposal:
        """The next trial of a round."""
        ranked, mean, sd = model.ranked()
        n_full = model.progress.n_full
        known = self._known_shape(model, ranked[0])
        if known is not None:
            return known
        if n_full >= SEEDS_FROM and n_full % SEED_EVERY == 0:
            again = self._another_seed(ranked, mean, sd, model.seeds_of)
            if again is not None:
                return again
        if n_full % BASELINE_EVERY == 1 and self._baselines:
            return self._better_baseline(ranked, mean, model)
        return self._most_promising(ranked, float(mean[0]), model)

    def _known_shape(self, model: RoundModel, leader: EvaluatedTrial) -> Proposal | None:
        """The next shape of the portfolio that was not tried, where it is expected to be best."""
        for known in self._known:
            if known.shape.key not in model.shape_keys:
                found = self._scored(self._pool_of([known], leader, model.surrogate), best=None)
                why = "a known shape at its expected best peak lr"
                return self._builder.at(known, float(found.log_lrs[0]), why)
        return None

    def _another_seed(
        self,
        ranked: Sequence[EvaluatedTrial],
        mean: NDArray[np.float64],
        sd: NDArray[np.float64],
        seeds: Mapping[str, int],
    ) -> Proposal | None:
        """Of the best searched schedule and the best baseline, the one with fewer seeds: which of the two is
        the answer hangs on them. With one kind alone, the best and its strongest challenger, the schedule
        most likely to be better. None where both have `MOST_SEEDS`. `seeds`: how many each schedule has.
        """
        leader = ranked[0].identity
        first = {bool(self._builder.name_of(t)): i for i, t in reversed(list(enumerate(ranked)))}
        pair = sorted(first.values())
        others = [i for i, tried in enumerate(ranked) if tried.identity != leader]
        if len(pair) == 1 and others:
            pair.append(max(others, key=lambda i: (mean[0] - mean[i]) / float(np.hypot(sd[0], sd[i]))))
        chosen = min(pair, key=lambda i: seeds[ranked[i].identity])
        if seeds[ranked[chosen].identity] >= MOST_SEEDS:
            return None
        role = "the best so far" if chosen == 0 else "it may be the best"
        why = f"another seed: {role}, expected {abs(mean[chosen]):.4g} ± {sd[chosen]:.2g}"
        return self._builder.again(ranked[chosen], why)

    def _better_baseline(
        self, ranked: Sequence[EvaluatedTrial], mean: NDArray[np.float64], model: RoundModel
    ) -> Proposal:
        """Of the baselines, each at many peak lrs, the one that may be better than the best of them."""
        tried = [i for i, t in enumerate(ranked) if self._builder.name_of(t)]
        best = float(mean[tried[0]]) if tried else float(mean[0])
        leader = ranked[tried[0]] if tried else ranked[0]
        shapes = [*self._baselines, leader] if tried else self._baselines
        found = self._scored(self._pool_of(shapes, leader, model.surrogate), best=best)
        i = int(np.argmax(found.gains))
        why = f"a baseline, expected {abs(found.mean[i]):.4g} ± {found.sd[i]:.2g}; the best {abs(best):.4g}"
        return self._at(shapes[i], float(found.log_lrs[i]), model.progress, why)

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
            if abs(tried.log_lr - log_lr) < SAME_LR and tried.shape.alike(shape.shape):
                return self._builder.again(tried, why, outlook=outlook)
        return self._builder.at(shape, log_lr, why, outlook=outlook)

    def _most_promising(self, ranked: Sequence[EvaluatedTrial], best: float, model: RoundModel) -> Proposal:
        """Of many shapes, each at many peak lrs, the one with the highest expected improvement (Jones et
        al., 1998)."""
        if model.pool is None:
            model.pool = self._drawn_pool(ranked, best, model)
        leader, shapes = ranked[0], model.pool.shapes
        found = self._scored(model.pool, best=best)
        moved = points_of(shapes)._replace(log_lr=found.log_lrs)
        chosen = int(np.argmax(found.gains))
        # What is left to gain is told by what was measured: a run that is believed has gained nothing yet.
        behind, apart_sd = model.measured.differences(moved, points_of([leader]))
        outlook = ExpectedGain(
            left_to_gain=float(expected_improvement(behind, apart_sd).max()),
            noise_sd=model.measured.noise_sd,
            n_full=model.progress.n_full,
            leader_seeds=sum(t.identity == leader.identity for t in model.progress.done),
        )
        told = f"expected {abs(found.mean[chosen]):.4g} ± {found.sd[chosen]:.2g}"
        why = f"{told}; the best so far {abs(best):.4g}"
        return self._at(shapes[chosen], float(found.log_lrs[chosen]), model.progress, why, outlook)

    def _drawn_pool(self, ranked: Sequence[EvaluatedTrial], best: float, model: RoundModel) -> ShapePool:
        """Plain shapes, wild ones and neighbours of the leaders, of those the most promising at a few peak
        lrs; and the leaders and baselines themselves."""
        leader, surrogate = ranked[0], model.surrogate
        leaders = _shapes_once(ranked)[:LEADERS_WITH_NEIGHBOURS]
        drawn = self._drawn(leaders, max(model.size, LEAST_DRAWN_FOR))
        coarse = ShapePool(surrogate, drawn, _centre(leader, surrogate) + np.array(COARSE_PLACES))
        order = np.argsort(-self._scored(coarse, best=best).gains, kind="stable")
        shortlist = [drawn[i] for i in order[:SHORTLIST]]
        fixed = [*leaders, *self._baselines]
        return self._pool_of([*shortlist, *fixed], leader, surrogate)

    def _drawn(self, leaders: Sequence[EvaluatedTrial], times: int) -> list[EvaluatedTrial]:
        rng = self._builder.rng
        draws: list[StandInTrial] = [UniformTrial(rng)] * (N_WILD * times)
        draws += [PriorTrial(rng)] * (N_PLAIN * times)
        for number in range(N_NEIGHBOURS * times):
            draws.append(LocalTrial(rng, leaders[number % len(leaders)].params))
        return [self._builder.draw(draw) for draw in draws]

    def _pool_of(
        self, shapes: Sequence[EvaluatedTrial], leader: EvaluatedTrial, surrogate: Surrogate
    ) -> ShapePool:
        """Each shape at all peak lrs that are considered."""
        low, high = self._builder.log_lr_range
        if high - low < SAME_LR:
            return ShapePool(surrogate, shapes, np.array([low]), relative=False)
        return ShapePool(surrogate, shapes, self._places(leader, surrogate))

    def _scored(self, pool: ShapePool, *, best: float | None) -> Scored:
        """Each shape at the best of its peak lrs.

        `best`: the gain is the expected improvement on this value; None: it is minus the expected value.
        """
        low, high = self._builder.log_lr_range
        mean, sd, log_lrs = pool.mean, pool.sd, pool.log_lrs
        gains = -(mean + CAUTION * sd) if best is None else expected_improvement(mean - best, sd)
        inside = (log_lrs >= low - SLACK) & (log_lrs <= high + SLACK)
        gains = np.where(inside, gains, gains.min() - np.abs(log_lrs - (low + high) / 2))
        rows, at = np.arange(len(pool.shapes)), gains.argmax(1)
        return Scored(gains[rows, at], np.clip(log_lrs, low, high)[rows, at], mean[rows, at], sd[rows, at])

    def _places(self, leader: EvaluatedTrial, surrogate: Surrogate) -> NDArray[np.float64]:
        """Peak lrs of linear at which shapes are considered, in the log."""
        low, high = surrogate.tried_range
        if high - low < SAME_LR and not isinstance(self._builder.lr, float):
            low, high = self._builder.log_lr_range
        close = _centre(leader, surrogate) + np.linspace(-CLOSE, CLOSE, N_CLOSE)
        return np.concatenate([np.linspace(low - BEYOND, high + BEYOND, N_COARSE), close])


class Scored(NamedTuple):
    """Shapes, each at the best of its peak lrs; all of one length."""

    gains: NDArray[np.float64]
    log_lrs: NDArray[np.float64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]


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


def _centre(leader: EvaluatedTrial, surrogate: Surrogate) -> float:
    """The leader's log peak lr as one of linear."""
    return leader.log_lr - surrogate.scales.rho * leader.shape.log_scale


def _shapes_once(ranked: Sequence[EvaluatedTrial]) -> list[EvaluatedTrial]:
    """The first trial of each shape with its other hyperparameters."""
    first: dict[bytes, EvaluatedTrial] = {}
    for tried in ranked:
        first.setdefault(tried.shape.features.tobytes(), tried)
    return list(first.values())
