"""What a script gets of its run's folder: a place for its files, and the reports of processes before it."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from warmboot.checkpoints import KeptFiles, append_line, begin_keeping, read_kept_files, write_kept_files
from warmboot.trial_files import Report, TrialFile, TrialFileError, parse_report, report_line
from warmboot.whole_file import write_whole

FILES, REPORTS = "files", "reports.jsonl"
EXTENDS = "extends.json"
"""In the folder of a run that goes on past its horizon; see `warmboot.checkpoints.KeptFiles`."""


def hand_to_script(folder: Path, trial: TrialFile) -> int:
    """Tell a script where its folder is, and begin the trial's reports with what the run reported before.

    That counts only with what was saved: a training that begins at its first step reports anew.

    Args:
        folder: of the run.
        trial: its files; nothing is reported yet.

    Returns:
        The size of those reports in bytes.
    """
    kept = KeptFiles(folder / FILES, folder / REPORTS)
    reports = _reported(kept.reports) if has_saved(folder) else ""
    if reports:
        write_whole(kept.reports, reports)
        append_line(trial.reports, reports)
    else:
        with contextlib.suppress(OSError):  # most often it is not there
            kept.reports.unlink()
    known_bytes = len(reports.encode())
    extends = _extended(folder / EXTENDS)
    write_kept_files(trial.checkpoints, KeptFiles(kept.folder, kept.reports, known_bytes, extends))
    return known_bytes


def folder_for_command(run_folder: Path) -> Path:
    """What a command gets for `{checkpoints}`: a folder that is there, and where any does, outlives it.

    Args:
        run_folder: of this process, with its trial's files.
    """
    told = read_kept_files(run_folder / "checkpoints")
    if told is None:
        folder = run_folder / FILES
        folder.mkdir(exist_ok=True)
        return folder
    begin_keeping(told, run_folder / REPORTS)
    return told.folder


def has_begun(folder: Path) -> bool:
    """Whether a script has asked for its folder."""
    return (folder / FILES).is_dir()


def has_saved(folder: Path) -> bool:
    """Whether a script has saved anything in its run's folder."""
    try:
        return bool(os.listdir(folder / FILES))
    except OSError:
        return False


def _extended(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
    except OSError:
        return None


def _reported(path: Path) -> str:
    """The reports of a file, each step once and rising; what is torn or no report is left out."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    except FileNotFoundError:
        return ""
    kept: list[Report] = []
    for line in lines:
        try:
            report = parse_report(line)
        except TrialFileError:
            continue
        if not kept or report.step > kept[-1].step:
            kept.append(Report(step=report.step, metrics=report.metrics))
    return "".join(map(report_line, kept))
