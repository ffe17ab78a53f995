"""A table of studies, one line each."""

from __future__ import annotations

from collections.abc import Sequence

from search.durations import duration_text
from search.results.status import StudyStatus

_HEAD = ("study", "state", "done", "failed", "best", "schedule")
_GAP = "  "


def study_table(studies: Sequence[StudyStatus | str], width: int | None = None) -> list[str]:
    """Lines of the table, its head first.

    Args:
        studies: how each stands; of one that can't be read, its name.
        width: columns of the terminal; the last column is cut there. None: nothing is cut.
    """
    rows = [_HEAD, *(_unreadable(each) if isinstance(each, str) else _row(each) for each in studies)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    lines = []
    for row in rows:
        cells = [cell.ljust(wide) for cell, wide in zip(row, widths, strict=False)]
        lines.append(_cut(_GAP.join([*cells, row[-1]]).rstrip(), width))
    return lines


def _row(snapshot: StudyStatus) -> tuple[str, ...]:
    best = snapshot.best
    value = "" if best is None else f"{snapshot.spec.objective} {best.mean:.4g}"
    schedule = "" if best is None else best.describe()
    failed = str(snapshot.counts.get("fail", ""))
    return snapshot.spec.name, snapshot.state, _done(snapshot), failed, value, schedule


def _done(snapshot: StudyStatus) -> str:
    """Progress towards the study's limit, in the unit of that."""
    if snapshot.runs is not None:
        return f"{snapshot.runs.used:.3g} of {snapshot.runs.asked} runs"
    if snapshot.budget_seconds is not None:
        return f"{duration_text(snapshot.trained_seconds)} of {duration_text(snapshot.budget_seconds)}"
    return f"{snapshot.results} of {snapshot.n_trials}"


def _unreadable(name: str) -> tuple[str, ...]:
    return name, "not readable", "", "", "", "made by another version of Warmboot"


def _cut(line: str, width: int | None) -> str:
    return line if width is None or len(line) <= width else f"{line[: width - 1]}…"
