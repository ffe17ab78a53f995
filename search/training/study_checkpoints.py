"""Where the runs of a study in its database keep what outlives their process. Short: it joins two rooms that
know nothing of each other."""

from __future__ import annotations

from pathlib import Path

from search.checkpoints.kept_trials import KeptTrials
from search.checkpoints.place import study_folder
from search.checkpoints.study_folder import StudyCheckpoints
from search.storage.study_record import StudyRecord


def folder_of(record: StudyRecord) -> Path | None:
    """The study's; None for a user without a home folder, where no other place is named."""
    attributes = record.attributes
    return study_folder(record.name, attributes.made, attributes.spec.checkpoints.folder)


def checkpoints_of(record: StudyRecord) -> StudyCheckpoints | None:
    """The folders of its runs; None where there is no place for them."""
    folder = folder_of(record)
    return None if folder is None else StudyCheckpoints(folder, max_bytes=record.spec.checkpoints.max_bytes)


def kept_trials_of(record: StudyRecord) -> KeptTrials | None:
    """The last states of its best trials; None where it does not keep them."""
    folder, spec = folder_of(record), record.spec
    return None if folder is None or spec.checkpoints.keep != "best" else KeptTrials(folder, spec.direction)
