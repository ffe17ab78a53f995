"""Estimates of a study's schedules over all seeds, stored with the study.

A worker computes them when the search has ended, and again when the leaders were confirmed; commands only
read them. Commands that look every second need not fit a model, and all of them name the same leader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from search.results.candidate import Candidate
from search.runs.trial import Trial
from search.spec.study import StudySpec
from search.strategy.sensitivity import Sensitivity

if TYPE_CHECKING:
    from search.strategy.study_model import StudyModel

MOST_SCHEDULES = 64
"""Estimates are stored for this many of the best schedules."""


def model_of(
    spec: StudySpec, trials: Sequence[Trial], found: Sequence[Candidate], *, confirmed: bool
) -> StudyModel | None:
    """The model of a study's runs; None where none was to the full horizon.

    Args:
        spec: the study.
        trials: all its trials.
        found: its candidates.
        confirmed: whether the runs on the confirmation seeds count too.
    """
    from search.strategy.study_model import study_model  # takes long to import, and most only read

    again = {c.trial_numbers[0]: c.confirmed for c in found if c.confirmed}
    return study_model(spec, trials, again if confirmed else None)


def expectations(model: StudyModel | None, found: Sequence[Candidate]) -> dict[str, float]:
    """Schedule key -> the expected value, cautiously, of the best schedules; see `Estimate.cautious`."""
    if model is None:
        return {}
    first = {candidate.trial_numbers[0]: candidate for candidate in found}
    known = [estimate for estimate in model.estimates() if estimate.number in first]
    return {first[estimate.number].key: estimate.cautious for estimate in known[:MOST_SCHEDULES]}


def sensitivity_of(
    spec: StudySpec, trials: Sequence[Trial], best: Candidate, found: Sequence[Candidate]
) -> dict[str, Any]:
    """Which parameters matter at the best schedule, as it is kept on the study; see
    `search.strategy.sensitivity`.

    Args:
        spec: the study.
        trials: all its trials.
        best: the schedule.
        found: the study's candidates.
    """
    from search.strategy.sensitivity_analysis import SensitivityAnalysis

    model = model_of(spec, trials, found, confirmed=True)
    assert model is not None, "a study with a best schedule has a complete trial"
    params = next(trial.params for trial in trials if trial.number == best.trial_numbers[0])
    knobs = SensitivityAnalysis(spec, model, params).knobs()
    return {"key": best.key, "knobs": [asdict(knob) for knob in knobs]}


def stored_sensitivity(stored: Mapping[str, Any] | None, best: Candidate | None) -> list[Sensitivity]:
    """The stored result of `sensitivity_of`; empty if it is about another schedule than the current best."""
    if stored is None or best is None or stored["key"] != best.key:
        return []
    tuples = ("as_good", "tried")
    return [
        Sensitivity(**{**knob, **{name: tuple(knob[name]) for name in tuples if name in knob}})
        for knob in stored["knobs"]
    ]


def to_json(
    trials: Sequence[Trial],
    searched: Mapping[str, float],
    final: Mapping[str, float],
    **more: Any,
) -> dict[str, Any]:
    """The entry stored on the study: before and after its leaders were confirmed, and `more`."""
    return {"complete": _n_complete(trials), "searched": dict(searched), "final": dict(final), **more}


def with_expectations(
    found: Sequence[Candidate], stored: Mapping[str, Any] | None, trials: Sequence[Trial]
) -> list[Candidate]:
    """The candidates with what is expected of each; unchanged where trials have been completed since."""
    if stored is None or not is_fresh(stored, trials):
        return list(found)
    searched, final = stored["searched"], stored["final"]
    return [
        replace(c, expected=searched.get(c.key), expected_at_last=final.get(c.key, searched.get(c.key)))
        for c in found
    ]


def is_fresh(stored: Mapping[str, Any], trials: Sequence[Trial]) -> bool:
    """Whether no trial has been completed since."""
    return bool(stored["complete"] == _n_complete(trials))


def _n_complete(trials: Sequence[Trial]) -> int:
    return sum(trial.state.name == "COMPLETE" for trial in trials)
