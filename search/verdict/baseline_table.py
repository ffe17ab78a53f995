"""The tuned standards as a table, in the order in which they were ranked."""

from __future__ import annotations

from statistics import fmean

from search.direction import Direction, sign_of
from search.verdict.baseline_tuning import Tuned, Tuning


def table_lines(tuning: Tuning, *, objective: str, direction: Direction) -> list[str]:
    """One line a standard, the strongest first, after the column titles.

    A mean is that of the seeds which all finalists have. A standard on fewer seeds may show a lower one; then
    its line tells what the strongest has on those.

    Args:
        tuning: what was tuned.
        objective: the title of the means.
        direction: "minimize" or "maximize".
    """
    rows = [("baseline", "peak lr", objective, "seeds", "")]
    for each in tuning.standards:
        numbers = (f"{each.schedule.lr:.4g}", f"{tuning.mean(each):.5g}", str(tuning.seeds_of(each)))
        rows.append((each.name, *numbers, "; ".join(_notes(tuning, each, direction))))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return ["  ".join([*map(str.ljust, row, widths), row[4]]).rstrip() for row in rows]


def _notes(tuning: Tuning, each: Tuned, direction: Direction) -> list[str]:
    notes = []
    if tuning.seeds_of(each) < tuning.n_seeds:
        notes.append(_fewer_seeds(tuning, each, direction))
    if each.edge is not None:
        notes.append(f"its {each.edge} of {each.n_lrs} peak lrs, so one beyond may be better")
    return notes


def _fewer_seeds(tuning: Tuning, each: Tuned, direction: Direction) -> str:
    n_seeds, strongest = tuning.seeds_of(each), tuning.strongest
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    there = fmean(strongest.values[:n_seeds])
    sign = sign_of(direction)
    ahead = sign * tuning.mean(each) < sign * there
    end = "; ahead there, and no runs were left to tell whether by luck" if ahead else ""
    return f"on {seeds} only, where {strongest.name} has {there:.5g}{end}"
