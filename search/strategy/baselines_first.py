"""A study with one of Optuna's samplers begins with the baselines, each at a few peak lrs.

They cost a quarter of the study at most. They give the sampler a start, and the study something to be
compared with: an answer that has not met a tuned straight line is worth nothing. If time limits the
study, its number of trials is unknown; then every fourth is a baseline until all were tried, which is a
quarter at most whenever it ends.

Other hyperparameters that the study searches are left to the sampler.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.runs.trial_attributes import BASELINE
from search.spec.study import StudySpec
from warmboot.baseline_schedules import baselines
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange, Space

SHARE_OF_STUDY = 0.25
MOST_PEAK_LRS = 10


@dataclass(frozen=True)
class BaselinesFirst:
    """The first trials of a study, by trial number; made the same by every process.

    Calling it with a trial number gives `{"params", "user_attrs"}` for Optuna's `enqueue_trial`, or None
    where the sampler proposes. `every`: 1 takes the numbers from 0 on without a gap, 4 every fourth.
    """

    trials: tuple[Mapping[str, Any], ...]
    every: int = 1

    def __call__(self, number: int) -> Mapping[str, Any] | None:
        index, between = divmod(number, self.every)
        return self.trials[index] if not between and index < len(self.trials) else None


def baselines_first(spec: StudySpec, n_trials: int | None) -> BaselinesFirst:
    """The standards that lie inside the study's space, each with equally many peak lrs.

    The middle of the lr range comes first, for all shapes, so that a study stopped early has met each.

    Args:
        spec: the study; its script's own lr must be known where it starts from that.
        n_trials: how many trials it has; None where its time is limited instead.
    """
    space = spec.parsed_space
    shapes = _shapes_inside(space, spec.peak_lr)
    budget = MOST_PEAK_LRS * len(shapes) if n_trials is None else int(n_trials * SHARE_OF_STUDY)
    lrs = _peak_lrs(spec.peak_lr, min(MOST_PEAK_LRS, max(1, budget // max(1, len(shapes)))))
    trials = []
    for lr, (name, schedule) in itertools.islice(itertools.product(lrs, shapes.items()), budget):
        params = space.params_of(schedule.replace(lr=lr))
        trials.append({"params": params, "user_attrs": {BASELINE: name}})
    return BaselinesFirst(tuple(trials), every=round(1 / SHARE_OF_STUDY) if n_trials is None else 1)


def _shapes_inside(space: Space, peak_lr: float | FloatRange) -> dict[str, WarmbootSchedule]:
    lr = _peak_lrs(peak_lr, 1)[0]
    return {
        name: schedule
        for name, schedule in baselines().items()
        if space.params_of(schedule.replace(lr=lr)) is not None
    }


def _peak_lrs(field: float | FloatRange, count: int) -> list[float]:
    """The centres of `count` equal cells of the range (in log lr where it is searched so), middle first."""
    if not isinstance(field, FloatRange):
        return [field]
    middles = [(i + 0.5) / count for i in range(count)]
    middles.sort(key=lambda fraction: abs(fraction - 0.5))
    if field.log:
        low, high = math.log(field.low), math.log(field.high)
        return [math.exp(low + (high - low) * fraction) for fraction in middles]
    return [field.low + (field.high - field.low) * fraction for fraction in middles]
