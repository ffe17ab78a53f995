"""`checkpoint_dir`: a folder of a trial's own that outlives its process, and its reports beside it.

A training that is killed is begun again by the search, with the same schedule and seed. What it had saved in
this folder it finds there, and what it had reported counts: it goes on where it was.

Between the search and the script there is one more file, `checkpoints` beside the trial's reports: it says
where the folder is, and how many bytes of the reports are those of an earlier process. Once a script has
asked for the folder, each report is written beside that folder too, since the others go with the process.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from warmboot.ranks import rank_here
from warmboot.trial_files import TrialFile, trial_here
from warmboot.whole_file import write_whole


@dataclass(frozen=True)
class KeptFiles:
    """Where a trial's files are that outlive its process."""

    folder: Path
    """For what the script saves; there once it has asked for it."""
    reports: Path
    """All that was reported, there as long as the folder is."""
    known_bytes: int = 0
    """So much at the beginning of the trial's reports is of earlier processes."""
    extends: Mapping[str, Any] | None = None
    """Of a run that goes on past its horizon: the `state` that a scheduler had before, but for its count."""


def checkpoint_dir() -> Path | None:
    """The folder in which this trial's training saves what it needs to go on, and finds it again.

    It belongs to one training: to the trial's schedule, seed and horizon. A training that is begun anew (its
    process, worker or machine was ended) finds in it what it saved; the first time it is empty. The search
    empties it when the trial has its result. Save a file whole, as `torch.save` to another name followed by
    `os.replace`: the process may end at any moment.

    Steps that are redone from the last checkpoint may be reported again: what was reported first stays.

    Returns:
        The folder, made if need be; None where no search runs this process, or one that only times it or
        asks for its lr. All processes of a training get the same one.

    Raises:
        OSError: the folder can't be made, as where it lies on a disk that can't be written.

    >>> checkpoint_dir()  # no search here
    """
    trial = trial_here()
    return None if trial is None else checkpoint_dir_of(trial)


def checkpoint_dir_of(trial: TrialFile) -> Path | None:
    """What `checkpoint_dir` gives within a trial."""
    kept = kept_files(trial)
    if kept is None:
        return None
    try:
        begin_keeping(kept, trial.reports)
    except OSError as error:
        raise OSError(
            error.errno,
            f"the folder for checkpoints can't be made ({error.strerror}); name another in the study file, "
            '[checkpoints] folder = "/shared/checkpoints", or in WARMBOOT_CHECKPOINTS where the worker runs',
            str(kept.folder),
        ) from None
    return kept.folder


def begin_keeping(kept: KeptFiles, reports: Path) -> None:
    """Make the folder, and from now on keep the reports beside it, those that are there included."""
    kept.folder.mkdir(parents=True, exist_ok=True)
    if rank_here() == 0 and not kept.reports.exists():
        write_whole(kept.reports, reports.read_bytes() if reports.exists() else b"")


def keep_report(trial: TrialFile, line: str) -> None:
    """Keep a report, before the search sees it, where reports are kept."""
    kept = kept_files(trial)
    if kept is not None:
        with contextlib.suppress(FileNotFoundError):  # nobody has asked for the folder
            append_line(kept.reports, line, create=False)


def known_bytes(trial: TrialFile) -> int:
    """Size of what earlier processes have reported of a trial."""
    kept = kept_files(trial)
    return 0 if kept is None else kept.known_bytes


def append_line(path: Path, line: str, *, create: bool = True) -> None:
    """One write of one line to a file opened for appending: a reader sees all of it or nothing."""
    flags = os.O_WRONLY | os.O_APPEND | (os.O_CREAT if create else 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def write_kept_files(path: Path, kept: KeptFiles) -> None:
    """Write the file `checkpoints` of a trial."""
    document = {
        "folder": str(kept.folder),
        "reports": str(kept.reports),
        "known_bytes": kept.known_bytes,
        "extends": kept.extends,
    }
    write_whole(path, json.dumps(document) + "\n")


def kept_files(trial: TrialFile) -> KeptFiles | None:
    """Where a trial's files are that outlive its process; None where there are none."""
    return read_kept_files(trial.checkpoints)


@lru_cache(maxsize=1)
def read_kept_files(path: Path) -> KeptFiles | None:
    """What a file `checkpoints` says, read once; None where there is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:  # the search has no place for them, or is of an earlier version
        return None
    return KeptFiles(
        Path(document["folder"]),
        Path(document["reports"]),
        int(document["known_bytes"]),
        document.get("extends"),
    )
