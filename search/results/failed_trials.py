"""The failed trials of a study: the end of the output of each, and why it failed."""

from __future__ import annotations

from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from search.errors import UsageError
from search.runs.trial_attributes import FAILURE, SCHEDULE
from search.spec.budget import is_held
from search.storage.study_record import StudyRecord


@dataclass(frozen=True)
class FailedTrial:
    """One of them; `text` ends with the reason."""

    number: int
    state: str
    """That of Optuna: one that failed may have been tried again."""
    schedule: str
    text: str


def failed_trials(record: StudyRecord) -> list[FailedTrial]:
    """Those of a study, in their order."""
    return [
        _failed(trial) for trial in record.load().get_trials(deepcopy=False) if FAILURE in trial.user_attrs
    ]


def failed_trial(record: StudyRecord, number: int) -> FailedTrial:
    """One of them.

    Raises:
        UsageError: the study has no such trial, or it did not fail.
    """
    trials = record.load().get_trials(deepcopy=False)
    found = next((trial for trial in trials if trial.number == number), None)
    if found is None:
        numbers = f"its trials are 0 to {len(trials) - 1}" if trials else "it has no trials yet"
        raise UsageError(f"study {record.name!r} has no trial {number}; {numbers}.")
    if FAILURE not in found.user_attrs:
        state = "stopped early" if found.state == TrialState.PRUNED else found.state.name.lower()
        raise UsageError(
            f"trial {number} of study {record.name!r} is {state}; output is kept only for failed trials."
        )
    return _failed(found)


def _failed(trial: FrozenTrial) -> FailedTrial:
    return FailedTrial(
        number=trial.number,
        state="fail" if is_held(trial) else trial.state.name.lower(),
        schedule=str(trial.user_attrs.get(SCHEDULE, "")),
        text=str(trial.user_attrs[FAILURE]).strip("\n"),
    )
