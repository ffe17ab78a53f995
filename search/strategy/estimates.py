"""What the schedules of a study are worth, every run considered: the order in which they lead.

A single run is a schedule's worth and the luck of its seed. The model knows how much runs differ by luck and
what a schedule's neighbours reached, so what it expects of a lucky run lies below what that run has shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from optuna.trial import FrozenTrial

from search.strategy.improvement import CAUTION, features_of, xs_of
from search.strategy.progress import Tried
from search.strategy.response import Response
from search.strategy.strategy import Strategy
from search.study_spec import StudySpec
from warmboot.schedule import WarmbootSchedule

CONFIRMATION_SEEDS = 1_000_000
"""Numbers of the confirmation's seeds begin here: none of them is a seed of the search."""


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


def estimated(
    spec: StudySpec,
    trials: Sequence[FrozenTrial],
    confirmed: Mapping[int, Sequence[float]] | None = None,
) -> list[Estimate]:
    """The schedules that were trained to the full horizon, best first; none where none was.

    The best is the one with the best of `mean` and `CAUTION` standard deviations to the worse side: what
    was hardly tried has to promise more.

    Args:
        spec: the study.
        trials: its trials, of whatever state.
        confirmed: number of a trial -> its schedule's values on the confirmation seeds.
    """
    model = study_model(spec, trials, confirmed)
    if model is None:
        return []
    response, done = model
    first = {json.dumps(dict(t.params), sort_keys=True): t for t in reversed(done)}
    counts = dict.fromkeys(first, 0)
    for tried in done:
        counts[json.dumps(dict(tried.params), sort_keys=True)] += 1
    mean, sd = response.predict(features_of(list(first.values())), xs_of(list(first.values())))
    sign = 1.0 if spec.direction == "minimize" else -1.0
    found = [
        Estimate(
            params=t.params,
            schedule=t.shape.schedule.replace(lr=t.lr),
            mean=sign * float(m),
            sd=float(s),
            n_runs=counts[key],
            number=t.number,
            cautious=sign * float(m + CAUTION * s),
        )
        for (key, t), m, s in zip(first.items(), mean, sd, strict=True)
    ]
    return sorted(found, key=lambda estimate: sign * estimate.cautious)


def study_model(
    spec: StudySpec,
    trials: Sequence[FrozenTrial],
    confirmed: Mapping[int, Sequence[float]] | None = None,
) -> tuple[Response, list[Tried]] | None:
    """The model of everything a study has measured, and its full runs; None where there are none."""
    strategy = Strategy(spec, spec.seed, n_runs=None)
    progress = strategy.read(trials)
    if not progress.done:
        return None
    sign = 1.0 if spec.direction == "minimize" else -1.0
    again = [
        replace(tried, value=sign * value, seed=CONFIRMATION_SEEDS + j)
        for tried in progress.done
        for j, value in enumerate((confirmed or {}).get(tried.number, ()))
    ]
    done = progress.done + again
    return strategy.response(replace(progress, done=done, in_training=[])), done
