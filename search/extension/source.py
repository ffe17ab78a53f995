"""`Source`: the last state of a finished run, and what it has trained to get there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from optuna.trial import FrozenTrial

from search.checkpoints.kept_trials import KeptTrial, KeptTrials
from search.errors import RunError, UsageError
from search.results.candidate import schedule_of
from search.results.status import study_lead
from search.storage.study_record import StudyRecord
from search.training.study_checkpoints import folder_of
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import reads

KEEP = '[checkpoints] keep = "best" in the study file'


@dataclass(frozen=True)
class Source:
    """What is continued.

    Attributes:
        trial: as the study has it.
        schedule: that it has trained, with its lr.
        total_steps: so far.
        value: there.
        folder: with what was saved.
    """

    trial: FrozenTrial
    schedule: WarmbootSchedule
    total_steps: int
    value: float
    folder: Path


def find_source(record: StudyRecord, trial: int | None, to_steps: int) -> Source:
    """The longest run of a trial that is kept and shorter than `to_steps`.

    Args:
        record: the study.
        trial: its number; None: one of the answer's.
        to_steps: how long it will be.

    Raises:
        UsageError: there is no such trial; no state of it is kept, or none that is shorter.
        RunError: the study has no complete trial.
    """
    trials = record.load().get_trials(deepcopy=False)
    if trial is not None and not 0 <= trial < len(trials):
        have = f"the trials 0 to {len(trials) - 1}" if trials else "no trials yet"
        raise UsageError(f"--trial: got {trial}; study {record.name!r} has {have}.")
    kept = _kept(record)
    numbers = [trial] if trial is not None else _answer(record)
    found = [source for number in numbers for source in _of(record, trials[number], kept)]
    if not found:
        raise UsageError(_none_kept(record, numbers, kept))
    shorter = [source for source in found if source.total_steps < to_steps]
    if not shorter:
        raise UsageError(
            f"--total-steps: got {to_steps}; trial {found[0].trial.number} has "
            f"{min(source.total_steps for source in found)} steps already; give more."
        )
    return max(shorter, key=lambda source: source.total_steps)


def _kept(record: StudyRecord) -> list[KeptTrial]:
    folder = folder_of(record)
    return [] if folder is None else KeptTrials(folder, record.spec.direction).all()


def _answer(record: StudyRecord) -> Sequence[int]:
    lead, _ = study_lead(record)
    if lead is None:
        raise RunError(f"study {record.name!r} has no completed trial yet; there is nothing to continue.")
    return lead.chosen.trial_numbers


def _of(record: StudyRecord, trial: FrozenTrial, kept: Sequence[KeptTrial]) -> list[Source]:
    """The kept states of a trial: at its own horizon, and where it was continued to since."""
    schedule = schedule_of(record.spec.parsed_space, trial.params) if trial.params else None
    own = [each for each in kept if each.trial == trial.number and schedule is not None]
    found = [Source(trial, schedule, each.total_steps, each.value, each.folder) for each in own if schedule]
    for entry in record.attributes.extensions:
        folder = Path(entry["folder"])
        if entry["trial"] == trial.number and folder.is_dir():
            longer = reads(json.dumps(entry["schedule"])).schedule
            found.append(Source(trial, longer, entry["total_steps"], entry["value"], folder))
    return found


def _none_kept(record: StudyRecord, numbers: Sequence[int], kept: Sequence[KeptTrial]) -> str:
    what = f"trial {numbers[0]}" if len(numbers) == 1 else f"the answer (trials {_listed(numbers)})"
    if kept:
        others = _listed([each.trial for each in kept])
        return (
            f"no checkpoint of {what} of study {record.name!r} is kept on this machine; there are those of "
            f"trial{'s' * (len(kept) > 1)} {others}: give one with --trial."
        )
    if record.spec.checkpoints.keep != "best":
        return (
            f"study {record.name!r} has kept no checkpoint: its trainings were removed with their results. "
            f"Write {KEEP} before a search to keep those of its best trials; or train anew to the longer "
            "horizon with an export, warmboot export --total-steps."
        )
    return (
        f"no checkpoint of study {record.name!r} is on this machine. They lie where its workers ran "
        "($WARMBOOT_CHECKPOINTS or [checkpoints] folder), and a script has one only if it saves in "
        "warmboot.checkpoint_dir()."
    )


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
