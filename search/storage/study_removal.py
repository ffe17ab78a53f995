"""Ending the life of a study: `delete_study` removes it whole, `reset_study` keeps what it searches.

Either is refused while a worker trains for it. Everything of ours goes: trials, leases, claimed seeds, and
all attributes. What was exported stays, and so does the study file.
"""

from __future__ import annotations

import optuna

from search.storage.live_leases import refuse_in_training
from search.storage.study_attributes import CONTROL, PLACE, PROXY, SPEC, WAY
from search.storage.study_making import create_empty
from search.storage.study_record import StudyRecord, forget_rows

_KEPT = (PLACE, PROXY, WAY, SPEC)
"""Of a study that is reset; `spec` last, since a reader that finds it expects the others."""


def delete_study(record: StudyRecord) -> None:
    """Remove a study and all that is kept of it.

    Raises:
        UsageError: a worker trains for it.
    """
    with record.database.lock():
        refuse_in_training(record, "delete")
        _remove(record)


def reset_study(record: StudyRecord) -> StudyRecord:
    """Remove all that a study has found, and keep what it searches; its next launch begins with trial 0.

    It is stopped, so that no worker begins it anew before that launch.

    Raises:
        UsageError: a worker trains for it.
    """
    with record.database.lock():
        refuse_in_training(record, "reset")
        stored, spec = record.attributes, record.spec
        _remove(record)
        create_empty(record.database, spec)
        fresh = StudyRecord(record.database, record.name)
        fresh.set_answer("none yet: the search has not begun")
        fresh.set_attribute(CONTROL, {**spec.limit.to_control(), "stop": True})
        fresh.keep_rounds(spec)
        for key in _KEPT:
            if key in stored:
                fresh.set_attribute(key, stored[key])
    return fresh


def _remove(record: StudyRecord) -> None:
    forget_rows(record)
    optuna.delete_study(study_name=record.name, storage=record.database.storage)
