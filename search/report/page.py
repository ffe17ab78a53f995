"""The page: sections of words and figures in one HTML file, nothing loaded from elsewhere."""

from __future__ import annotations

import datetime
import html
import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from statistics import fmean
from typing import Any

import plotly.graph_objects as go
import plotly.io
from optuna.trial import FrozenTrial

from search.messages import next_command
from search.report import figures
from search.results.candidate import Candidate
from search.results.evidence import edge_lines, sentence
from search.results.status import StudyStatus
from search.results.verdict import VerdictResult
from search.spec.proxy import CommandProxy
from search.strategy.sensitivity import Sensitivity, knob_lines

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 980px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.2rem }
.answer { font-size: 1.15rem; padding: 1rem; background: #e6fcf5; border-left: 4px solid #0b7285 }
table { border-collapse: collapse }
td, th { padding: .25rem .8rem; border-bottom: 1px solid #dee2e6; text-align: left }
pre { background: #f1f3f5; padding: .8rem; overflow-x: auto } .quiet { color: #868e96 }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1>{body}</body></html>
"""


class Page:
    """Collects sections; plotly's own code goes in with the first figure."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []
        self._has_plotly = False

    def paragraph(self, text: str, style: str = "plain") -> None:
        self._parts.append(f'<p class="{style}">{html.escape(text)}</p>')

    def heading(self, text: str) -> None:
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def figure(self, figure: go.Figure) -> None:
        code = plotly.io.to_html(
            figure, full_html=False, include_plotlyjs=not self._has_plotly, config={"displaylogo": False}
        )
        self._has_plotly = True
        self._parts.append(code)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        cells = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
        )
        self._parts.append(f"<table><tr>{cells}</tr>{body}</table>")

    def code(self, text: str) -> None:
        self._parts.append(f"<pre>{html.escape(text)}</pre>")

    def text(self) -> str:
        """The whole file."""
        return _PAGE.format(title=html.escape(self._title), style=_STYLE, body="\n".join(self._parts))


def report(snapshot: StudyStatus, trials: Sequence[FrozenTrial], proxy: Mapping[str, Any]) -> str:
    """The report of a study that has a best schedule.

    Args:
        snapshot: how the study stands.
        trials: all of them.
        proxy: what the study keeps of its proxy.
    """
    best = snapshot.best
    assert best is not None, "a report is of a schedule"
    page = Page(f"{snapshot.spec.name}: what the search has found")
    page.paragraph(answer(snapshot, best), "answer")
    page.paragraph(_counts(snapshot), "quiet")
    for change in snapshot.changes:
        page.paragraph(f"What it trains has changed, {change.describe()}.", "quiet")
    page.heading("The schedule")
    page.figure(figures.schedules(best, snapshot.other, snapshot.spec.horizon_steps))
    page.table(("", "schedule", "searched", "fresh seeds"), _values(best, snapshot.other))
    _verdict(page, snapshot)
    _transfer(page, snapshot)
    page.heading("Which parameters matter")
    _knobs(page, snapshot.knobs)
    page.heading("What was tried")
    page.figure(figures.tried(trials, snapshot.spec.objective))
    page.figure(figures.peak_lrs(trials, snapshot.spec.objective))
    page.heading("On the way")
    page.figure(figures.learning_curves(trials, best, snapshot.other, snapshot.spec.objective))
    page.heading("How to use it")
    page.code(_use(snapshot))
    page.heading("Where it comes from")
    page.code(json.dumps({"proxy": proxy, "study": snapshot.spec.to_json(), "made": _made()}, indent=1))
    return page.text()


def answer(snapshot: StudyStatus, best: Candidate) -> str:
    """The answer in one sentence: the verdict where there is one, else what is known without."""
    assert snapshot.lead is not None, "a report is of a schedule"
    if snapshot.verdict is not None:
        return f"Use {best.describe()}. {snapshot.verdict.sentence}"
    known = [sentence(snapshot.spec, snapshot.lead), *edge_lines(snapshot.spec, best)]
    return " ".join([f"Use {best.describe()}.", *known])


def _counts(snapshot: StudyStatus) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in snapshot.counts.items())
    ended = "" if snapshot.plateau is None else f" The search ended early: {snapshot.plateau}."
    return f"{snapshot.spec.limit_text} on {snapshot.spec.proxy.name}; trials: {counts}.{ended}"


def _values(best: Candidate, other: Candidate | None) -> list[tuple[str, str, str, str]]:
    rows = [("answer", best)]
    if other is not None and other.key != best.key:
        rows.append(("compared with", other))
    return [(name, c.describe(), _numbers(c.searched), _numbers(c.confirmed)) for name, c in rows]


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values) or "-"


def _verdict(page: Page, snapshot: StudyStatus) -> None:
    found = snapshot.verdict
    page.heading("The verdict")
    if found is None:
        command = next_command("verdict", snapshot.spec.name)
        page.paragraph(f"None yet: run {command} and make this report again.")
        return
    for line in (found.sentence, *found.lines):
        page.paragraph(line)
    if found.looks:
        page.figure(figures.gains(found, snapshot.spec.direction))
        page.paragraph("Grey: the margin within which the two count as equivalent.", "quiet")
    page.table(("baseline, tuned on seeds of its own", "seeds", snapshot.spec.objective), _tuned(found))


def _tuned(verdict: VerdictResult) -> list[tuple[str, int, str]]:
    """Each standard on the seeds on which they were ranked; the strongest alone has more."""
    rows = [(each.words, each.values[: verdict.tuning_seeds]) for each in verdict.tuned]
    return [(schedule, len(values), f"{fmean(values):.4g}") for schedule, values in rows]


def _transfer(page: Page, snapshot: StudyStatus) -> None:
    page.heading("Other horizons")
    found = snapshot.transfer
    if found is None:
        page.paragraph(
            f"Not measured: {next_command('transfer', snapshot.spec.name)} measures how the best peak lr and "
            "the gain change with the length of a training."
        )
        return
    for line in found.lines():
        page.paragraph(line)
    page.figure(figures.lrs_over_horizons(found))
    page.figure(figures.gains_over_horizons(found))
    page.paragraph("Bands: what the trend leaves open, 95%, up to 30 times the longest horizon.", "quiet")


def _knobs(page: Page, knobs: Sequence[Sensitivity]) -> None:
    if not knobs:
        page.paragraph("Known when the search has ended.")
        return
    page.table(("parameter", ""), [line.split(maxsplit=1) for line in knob_lines(knobs)])


def _use(snapshot: StudyStatus) -> str:
    name = snapshot.spec.name
    steps, proxy = snapshot.spec.example_steps, snapshot.spec.proxy
    exported = next_command("export", name, "--total-steps", str(steps), "-o", "schedule.json")
    if isinstance(proxy, CommandProxy):
        return f"{exported}\nWARMBOOT_SCHEDULE=schedule.json {proxy.command}"
    return (
        f"{exported}\n\n"
        "import warmboot\n\n"
        'file = warmboot.read("schedule.json")\n'
        f"scheduler = warmboot.WarmbootLR(optimizer, file.schedule, total_steps={steps:_})\n"
        "# scheduler.step() after each optimizer.step()"
    )


def _made() -> dict[str, str]:
    return {
        "on": datetime.datetime.now().isoformat(timespec="seconds"),
        "python": platform.python_version(),
        **{name: version(name) for name in ("warmboot", "torch", "optuna", "numpy")},
    }
