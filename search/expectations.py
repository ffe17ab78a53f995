"""What is expected of a study's schedules over all seeds, kept with the study.

A worker works it out when the search has ended and again when the leaders were confirmed; everybody else
reads it. Commands that look every second need not fit a model, and all of them name the same leader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from search.results import Contender
from search.strategy.estimates import estimated
from search.study_spec import StudySpec

MOST_SCHEDULES = 64
"""Of so many of the best schedules it is kept."""


def expectations(
    spec: StudySpec, trials: Sequence[FrozenTrial], found: Sequence[Contender], *, confirmed: bool
) -> dict[str, float]:
    """Schedule key -> the expected value, cautiously, of the best schedules; see `Estimate.cautious`.

    Args:
        spec: the study.
        trials: all its trials.
        found: its contenders.
        confirmed: whether the runs on the confirmation seeds count too.
    """
    first = {contender.trial_numbers[0]: contender for contender in found}
    again = {number: contender.confirmed for number, contender in first.items() if contender.confirmed}
    best_first = estimated(spec, trials, again if confirmed else None)
    known = [estimate for estimate in best_first if estimate.number in first]
    return {first[estimate.number].key: estimate.cautious for estimate in known[:MOST_SCHEDULES]}


def to_json(
    trials: Sequence[FrozenTrial], searched: Mapping[str, float], final: Mapping[str, float]
) -> dict[str, Any]:
    """What is kept on the study: before and after its leaders were confirmed."""
    return {"complete": _n_complete(trials), "searched": dict(searched), "final": dict(final)}


def with_expectations(
    found: Sequence[Contender], stored: Mapping[str, Any] | None, trials: Sequence[FrozenTrial]
) -> list[Contender]:
    """The contenders with what is expected of each; unchanged where trials have been completed since."""
    if stored is None or stored["complete"] != _n_complete(trials):
        return list(found)
    searched, final = stored["searched"], stored["final"]
    return [
        replace(c, expected=searched.get(c.key), expected_at_last=final.get(c.key, searched.get(c.key)))
        for c in found
    ]


def _n_complete(trials: Sequence[FrozenTrial]) -> int:
    return sum(trial.state == TrialState.COMPLETE for trial in trials)
