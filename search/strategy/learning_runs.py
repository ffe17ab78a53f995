"""Which runs the model learns from: all of them, until there are more than it can take.

Then the best schedules' runs would not do. A model that has never seen a bad run takes every place for as
good as those it knows, and would find the worst schedules of a study as good as its leader.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np

from search.strategy.progress import EvaluatedTrial, value_of

MOST_RUNS = 400
"""Runs that the model learns from at most; the work grows with their cube."""
SHARE_OF_BEST = 0.75
"""Share of them for the best schedules, if not all runs fit; the rest is spread over all others."""


def learning_runs(
    runs: Sequence[EvaluatedTrial], most: int = MOST_RUNS, always: frozenset[str] = frozenset()
) -> list[EvaluatedTrial]:
    """At most `most` of the runs, in their order.

    A schedule's lucky runs are not taken without its unlucky ones, but for the last schedule taken.

    Args:
        runs: each with its value.
        most: at least 2.
        always: identities of the schedules that are taken first.
    """
    if len(runs) <= most:
        return list(runs)
    order = sorted(range(len(runs)), key=_places_by_schedule(runs, always))
    n_first = sum(tried.identity in always for tried in runs)
    n_best = min(most, max(n_first, round(SHARE_OF_BEST * most)))
    spread = np.linspace(len(runs) - 1, n_best, most - n_best).round().astype(int)  # the worst among them
    return [runs[i] for i in sorted([*order[:n_best], *(order[place] for place in spread)])]


def best_schedules_first(runs: Sequence[EvaluatedTrial]) -> list[EvaluatedTrial]:
    """Sorted by the mean of the schedule."""
    place = _places_by_schedule(runs, frozenset())
    return [runs[i] for i in sorted(range(len(runs)), key=place)]


def _places_by_schedule(
    runs: Sequence[EvaluatedTrial], always: frozenset[str]
) -> Callable[[int], tuple[bool, float]]:
    """Index of a run -> where its schedule comes: `always` first, then by the mean."""
    keys = [tried.identity for tried in runs]
    values: dict[str, list[float]] = defaultdict(list)
    for key, tried in zip(keys, runs, strict=True):
        values[key].append(value_of(tried))
    mean = {key: fmean(found) for key, found in values.items()}
    return lambda i: (keys[i] not in always, mean[keys[i]])
