"""The report: the answer as a headline, then pictures, then tables, in one HTML file."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from statistics import fmean
from typing import Any

from optuna.trial import FrozenTrial

from search.report import figures
from search.report.how_to_use import how_to_use
from search.report.html_page import Page
from search.report.pictures import schedules_svg
from search.results.candidate import Candidate
from search.results.evidence import basis_lines
from search.results.headline import headline
from search.results.progress_text import progress_line
from search.results.rounded import mean_text
from search.results.status import StudyStatus
from search.results.verdict import VerdictResult
from search.spec.handed import follow_up
from search.strategy.sensitivity import Sensitivity, knob_lines


def report(
    snapshot: StudyStatus,
    trials: Sequence[FrozenTrial],
    proxy: Mapping[str, Any],
    storage_option: Sequence[str] = (),
) -> str:
    """The report of a study that has a best schedule.

    Args:
        snapshot: how the study stands.
        trials: all of them.
        proxy: what the study keeps of its proxy.
        storage_option: the words with which a command finds the storage.
    """
    best, lead = snapshot.best, snapshot.lead
    assert best is not None, "a report is of a schedule"
    assert lead is not None, "a report is of a schedule"
    objective = snapshot.spec.objective
    page = Page(f"{snapshot.spec.name}: what the search has found")
    page.paragraph(headline(snapshot.spec, lead), "answer")
    for line in basis_lines(snapshot.spec, lead):
        page.paragraph(line)
    page.paragraph(f"{snapshot.spec.proxy.name}: {progress_line(snapshot)}", "quiet")
    for change in snapshot.changes:
        page.paragraph(f"What it trains has changed, {change.describe()}.", "quiet")
    for run in snapshot.extended:
        page.paragraph(f"Extended: {run.describe()}.", "quiet")
    page.heading("The schedule")
    page.picture(schedules_svg(best, snapshot.other, snapshot.spec.horizon_steps, shown_width=700))
    page.table(("", "schedule", "searched", "fresh seeds"), _values(best, snapshot.other, lead.noise_sd))
    page.heading("How to use it")
    page.code(how_to_use(snapshot.spec, best, storage_option))
    _verdict(page, snapshot, storage_option)
    _transfer(page, snapshot, storage_option)
    page.heading("What was tried")
    _tried(page, trials, objective)
    page.heading("On the way")
    page.figure(
        figures.learning_curves(trials, best, snapshot.other, objective),
        f"{objective} over the optimizer steps of the last trainings, with those of the answer in front.",
    )
    page.heading("Which parameters matter")
    _knobs(page, snapshot.knobs)
    page.heading("Where it comes from")
    page.code(json.dumps({"proxy": proxy, "study": snapshot.spec.to_json(), "made": _made()}, indent=1))
    return page.text()


def _tried(page: Page, trials: Sequence[FrozenTrial], objective: str) -> None:
    """Two pictures on one scale, which the worst trials do not set."""
    shown = figures.shown_values(trials)
    alts = (
        (figures.tried, f"{objective} of each full training, in their order, coloured by what it was for."),
        (figures.peak_lrs, f"{objective} of each training over its peak lr, which is on a log scale."),
    )
    for draw, alt in alts:
        figure = draw(trials, objective)
        if shown is not None:
            figure.update_yaxes(range=shown)
        page.figure(figure, alt)
    if shown is not None:
        page.paragraph("Values far off lie beyond the pictures: a double click shows all.", "quiet")


def _values(
    best: Candidate, other: Candidate | None, seed_sd: float | None
) -> list[tuple[str, str, str, str]]:
    rows = [("answer, solid", best)]
    if other is not None:
        rows.append(("compared with, dashed", other))
    return [
        (name, c.describe(), mean_text(c.searched, seed_sd), mean_text(c.confirmed, seed_sd))
        for name, c in rows
    ]


def _verdict(page: Page, snapshot: StudyStatus, storage_option: Sequence[str]) -> None:
    found = snapshot.verdict
    page.heading("The verdict")
    if found is None:
        command = follow_up(snapshot.spec, "verdict", *storage_option)
        page.paragraph(f"None yet: run {command} and make this report again.")
        return
    for line in (found.sentence, *found.lines):
        page.paragraph(line)
    if found.looks:
        page.figure(
            figures.gains(found, snapshot.spec.direction),
            f"The gain in {found.objective} of each pair of trainings, and their mean with its 95% interval.",
            "Grey: the margin within which the two count as equivalent.",
        )
    page.table(("baseline, tuned on seeds of its own", "seeds", snapshot.spec.objective), _tuned(found))


def _tuned(verdict: VerdictResult) -> list[tuple[str, int, str]]:
    """Each standard on the seeds on which they were ranked; the strongest alone has more."""
    rows = [(each.words, each.values[: verdict.tuning_seeds]) for each in verdict.tuned]
    return [(schedule, len(values), f"{fmean(values):.4g}") for schedule, values in rows]


def _transfer(page: Page, snapshot: StudyStatus, storage_option: Sequence[str]) -> None:
    page.heading("Other horizons")
    found = snapshot.transfer
    if found is None:
        command = follow_up(snapshot.spec, "transfer", *storage_option)
        page.paragraph(
            f"Not measured: {command} measures how the best peak lr and the gain change with the length of a "
            "training."
        )
        return
    for line in found.lines():
        page.paragraph(line)
    page.figure(
        figures.lrs_over_horizons(found),
        "The best peak lr over the length of a training, both on log scales.",
    )
    page.figure(
        figures.gains_over_horizons(found),
        f"The gain in {found.objective} over the length of a training, which is on a log scale.",
        "Bands: what the trend leaves open, 95%, up to 30 times the longest horizon.",
    )


def _knobs(page: Page, knobs: Sequence[Sensitivity]) -> None:
    if not knobs:
        page.paragraph("Known when the search has ended.")
        return
    page.table(("parameter", ""), [line.split(maxsplit=1) for line in knob_lines(knobs)])


def _made() -> dict[str, str]:
    return {
        "on": datetime.datetime.now().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{name: version(name) for name in ("warmboot", "torch", "optuna", "numpy")},
    }
