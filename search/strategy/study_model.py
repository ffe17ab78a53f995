"""Estimates of a study's schedules from all runs, and which of them is the answer.

A single run is a schedule's worth and the luck of its seed. The model knows how much runs differ by luck and
what a schedule's neighbours reached, so what it expects of a lucky run lies below what that run has shown.

**What leads.** The leader is the best schedule that is no baseline, the opponent the best baseline; both are
the best at `CAUTION` standard deviations to the worse side, so what was hardly tried has to promise more.
Among the peak lrs of one shape on the same seeds that is the best measured one, unless the model is sure of
another. From the posterior of their *difference*, in which what both share cancels, comes the probability
that the leader is better. Below `SURE_ENOUGH` the baseline is the answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.direction import sign_of
from search.runs.trial import Trial
from search.spec.study import StudySpec
from search.strategy.learning_runs import best_schedules_first, learning_runs
from search.strategy.observations import Points
from search.strategy.one_thread import on_one_thread
from search.strategy.progress import EvaluatedTrial, points_of
from search.strategy.round_model import CAUTION
from search.strategy.strategy import Strategy
from search.strategy.sureness import SURE_ENOUGH, is_enough, probability_of
from search.strategy.surrogate import Surrogate
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule

CONFIRMATION_SEEDS = 1_000_000
"""Numbers of the confirmation's seeds begin here: none of them is a seed of the search."""
FREEDOM = 1
"""Degrees of freedom of the noise before any schedule was repeated."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """One schedule of a study with what is expected of it over all seeds."""

    params: Mapping[str, Any]
    schedule: WarmbootSchedule
    """With its lr."""
    mean: float
    """In the unit of the study's objective."""
    sd: float
    n_runs: int
    number: int
    """Its first trial."""
    cautious: float
    """`mean`, `CAUTION` standard deviations to the worse side."""
    is_baseline: bool
    """Whether the schedule is a baseline, whatever parameters name it."""


@dataclass(frozen=True, eq=False)
class Difference:
    """How much better one schedule is expected to be than another, over seeds."""

    gain: float
    """In the unit of the objective, better is positive."""
    sd: float
    freedom: int
    """How many runs more than schedules tell the noise from which `sd` comes; at least 1."""

    @property
    def probability(self) -> float:
        """Probability that the first is better than the second."""
        return self.probability_above(0.0)

    def probability_above(self, margin: float) -> float:
        """Probability that the first is better by more than `margin`."""
        return probability_of(self.gain - margin, self.sd, self.freedom)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a study has found: `leader` is the best schedule that is no baseline, `baseline` the best that is
    one; either may be missing, not both. `difference` is that of leader over baseline where both are there.
    """

    leader: Estimate | None
    baseline: Estimate | None
    difference: Difference | None
    noise_sd: float
    """Standard deviation between two seeds of one schedule, as the study has it."""

    @property
    def chosen(self) -> Estimate:
        """The answer: the leader where it is likely enough to be better, else the baseline."""
        if self.leader is None:
            assert self.baseline is not None, "an answer names a schedule"
            return self.baseline
        if self.baseline is None or self.difference is None:
            return self.leader
        runs = self.leader.n_runs, self.baseline.n_runs
        return self.leader if is_enough(self.difference.probability, *runs) else self.baseline


class StudyModel:
    """The model of everything that a study has measured.

    Args:
        spec: the study.
        response: fitted to `runs`.
        runs: its runs to the full horizon that the model learns from (`learning_runs`), those on the
            confirmation's seeds among them.
    """

    def __init__(self, spec: StudySpec, response: Surrogate, runs: Sequence[EvaluatedTrial]) -> None:
        self.response, self.runs = response, runs
        self._sign = sign_of(spec.direction)
        self._baselines = [s.factors(spec.horizon_steps) for s in baselines().values()]
        self._steps = spec.horizon_steps

    @on_one_thread
    def estimates(self) -> list[Estimate]:
        """One for each schedule that was trained to its end and learnt from, best first by
        `Estimate.cautious`."""
        if not any(not tried.stopped for tried in self.runs):
            return []
        first = {_schedule_of(t): t for t in reversed(self.runs) if not t.stopped}
        counts = Counter(_schedule_of(tried) for tried in self.runs if not tried.stopped)
        mean, sd = self.response.predict(points_of(list(first.values())))
        cautious = self.response.drawn_out(mean + CAUTION * sd)
        mean = self.response.drawn_out(mean)
        found = [
            Estimate(
                params=t.params,
                schedule=t.shape.schedule.replace(lr=t.lr),
                mean=self._sign * float(m),
                sd=float(s),
                n_runs=counts[key],
                number=t.number,
                cautious=self._sign * float(c),
                is_baseline=_is_one_of(self._baselines, t, self._steps),
            )
            for (key, t), m, s, c in zip(first.items(), mean, sd, cautious, strict=True)
        ]
        return sorted(found, key=lambda estimate: self._sign * estimate.cautious)

    def difference(self, number: int, other: int) -> Difference:
        """Of the schedule first tried in trial `number` over that of trial `other`."""
        first = {tried.number: tried for tried in reversed(self.runs)}
        points, base = points_of([first[number]]), points_of([first[other]])
        behind, sd = self.response.differences(points, base)
        stretch = self._stretch(points, base)
        freedom = FREEDOM + len(self.runs) - len({_schedule_of(tried) for tried in self.runs})
        return Difference(-stretch * float(behind[0]), stretch * float(sd[0]), freedom)

    def _stretch(self, points: Points, base: Points) -> float:
        """By how much more two schedules differ than the model says, which draws in what is far above the
        best; at least 1."""
        drawn = np.concatenate([self.response.predict(points)[0], self.response.predict(base)[0]])
        apart = float(np.ptp(drawn))
        return float(np.ptp(self.response.drawn_out(drawn))) / apart if apart > 0 else 1.0

    @on_one_thread
    def answer(self) -> Answer:
        """What leads."""
        found = self.estimates()
        values = self._values_by_seed()
        leader = self._as_measured([estimate for estimate in found if not estimate.is_baseline], values)
        baseline = self._as_measured([estimate for estimate in found if estimate.is_baseline], values)
        difference = None
        if leader is not None and baseline is not None:
            difference = self.difference(leader.number, baseline.number)
        return Answer(leader, baseline, difference, self.response.noise_sd)

    def _as_measured(
        self, found: Sequence[Estimate], values: Mapping[int, Mapping[int, float]]
    ) -> Estimate | None:
        """The first of `found`, or a peak lr of the same shape that did better on the very same seeds.

        Only what the model is sure of overrides what was measured: with few runs it knows little of the
        noise, and its smooth curve turns away from the best lr where a cliff is near. `values` as
        `_values_by_seed` gives them.
        """
        if not found:
            return None
        first, best, most = found[0], found[0], 0.0
        shape, own = first.schedule.replace(lr=None), values[first.number]
        for other in found[1:]:
            theirs = values[other.number]
            if theirs.keys() != own.keys() or other.schedule.replace(lr=None) != shape:
                continue
            behind = float(np.mean([theirs[seed] - value for seed, value in own.items()]))
            if behind < most and self.difference(first.number, other.number).probability < SURE_ENOUGH:
                best, most = other, behind
        return best

    def _values_by_seed(self) -> dict[int, dict[int, float]]:
        """First trial of a schedule -> seed -> value, lower is better."""
        numbers: dict[tuple[bytes, float], int] = {}
        values: dict[int, dict[int, float]] = {}
        for tried in self.runs:
            if not tried.stopped and tried.value is not None:
                number = numbers.setdefault(_schedule_of(tried), tried.number)
                values.setdefault(number, {})[tried.seed] = tried.value
        return values


def _schedule_of(tried: EvaluatedTrial) -> tuple[bytes, float]:
    """Equal for equal lr tables and other hyperparameters: a warm-up that rounds to no step is none."""
    return np.round(tried.shape.features, 9).tobytes(), tried.lr


@on_one_thread
def study_model(
    spec: StudySpec,
    trials: Sequence[Trial],
    confirmed: Mapping[int, Sequence[float]] | None = None,
) -> StudyModel | None:
    """The model of a study; None where no trial was trained to the full horizon.

    Args:
        spec: the study.
        trials: its trials, of whatever state.
        confirmed: number of a trial -> its schedule's values on the confirmation seeds.
    """
    strategy = Strategy(spec, n_runs=None)
    progress = strategy.read(trials)
    if all(tried.stopped for tried in progress.done):
        return None
    sign = sign_of(spec.direction)
    again = [
        replace(tried, value=sign * value, seed=CONFIRMATION_SEEDS + j)
        for tried in progress.done
        for j, value in enumerate((confirmed or {}).get(tried.number, ()))
    ]
    done = progress.done + again
    runs = learning_runs(done, always=_always_learnt_from(spec, done))
    return StudyModel(spec, strategy.surrogate(replace(progress, done=runs)), runs)


def _always_learnt_from(spec: StudySpec, runs: Sequence[EvaluatedTrial]) -> frozenset[str]:
    """Identities of the schedules that were confirmed, and of the baseline with the best mean: without it a
    study of very many runs would not know the best of what its leader is compared with."""
    confirmed = {tried.identity for tried in runs if tried.seed >= CONFIRMATION_SEEDS}
    factors = [baseline.factors(spec.horizon_steps) for baseline in baselines().values()]
    to_end = [tried for tried in best_schedules_first(runs) if not tried.stopped]
    known = (t.identity for t in to_end if _is_one_of(factors, t, spec.horizon_steps))
    return frozenset(confirmed | {*islice(known, 1)})


def _is_one_of(baselines: Sequence[NDArray[np.float64]], tried: EvaluatedTrial, total_steps: int) -> bool:
    factors = tried.shape.schedule.factors(total_steps)
    return any(np.array_equal(factors, baseline) for baseline in baselines)
