"""The short form of a report, for a cell of a notebook: no scripts, in the notebook's own colours."""

from __future__ import annotations

import html
from collections.abc import Sequence

from search.report.pictures import ANSWER, COMPARED, schedules_svg
from search.report.study_note import parameters_line
from search.results.candidate import Candidate
from search.results.headline import headline
from search.results.progress_text import confirming_text, progress_line
from search.results.rounded import mean_text, value_text
from search.results.status import StudyStatus
from search.spec.handed import export_command, follow_up

_BOX = "border-left:4px solid #1098ad;padding:.2em .9em;margin:.3em 0;max-width:46em"


def compact_report(snapshot: StudyStatus, storage_option: Sequence[str] = ()) -> str:
    """How a study stands: its answer in words, drawn and in numbers, and how to continue.

    Args:
        snapshot: the study.
        storage_option: the words with which the next command finds it.
    """
    parts = [f"<b>{html.escape(snapshot.spec.name)}</b>: {html.escape(progress_line(snapshot))}"]
    if snapshot.lead is None:
        return _box([*parts, "No trial is complete yet."])
    best, other = snapshot.lead.chosen, snapshot.lead.other
    parts += [
        f'<div style="font-size:1.15em">{html.escape(headline(snapshot.spec, snapshot.lead))}</div>',
        schedules_svg(best, other, snapshot.spec.horizon_steps),
        _table(snapshot, best, other),
    ]
    lines = [*_verdict(snapshot), parameters_line(snapshot), *_next(snapshot, storage_option)]
    parts += [f"<div>{html.escape(line)}</div>" for line in lines if line]
    return _box(parts)


def progress_html(snapshot: StudyStatus, confirming: tuple[int, int] | None, notes: Sequence[str]) -> str:
    """A launch that goes on: how far, what leads, what a person should know."""
    share = snapshot.share_done
    told = progress_line(snapshot) if confirming is None else confirming_text(confirming)
    bar = f'<progress max="1" value="{share:.3f}" style="width:16em">{share:.0%}</progress>'
    parts = [f"<b>{html.escape(snapshot.spec.name)}</b> {bar} {html.escape(told)}"]
    if snapshot.lead is not None:
        best = snapshot.lead.chosen
        value = value_text(best.mean, snapshot.lead.noise_sd)
        words = f"best so far: {best.describe()}, {snapshot.spec.objective} {value}"
        parts += [f"<div>{html.escape(words)}</div>"]
        parts += [schedules_svg(best, snapshot.lead.other, snapshot.spec.horizon_steps, height=120)]
    return _box([*parts, *(f"<div>{html.escape(note)}</div>" for note in notes)])


def words_html(lines: Sequence[str]) -> str:
    """Lines alone."""
    return _box([f"<div>{html.escape(line)}</div>" for line in lines if line])


def _box(parts: Sequence[str]) -> str:
    return f'<div style="{_BOX}">{"".join(parts)}</div>'


def _table(snapshot: StudyStatus, best: Candidate, other: Candidate | None) -> str:
    rows = [("answer", ANSWER, best)]
    if other is not None:
        rows.append(("compared with", COMPARED, other))
    fresh = all(candidate.confirmed for _, _, candidate in rows)
    cells = "".join(_row(*row, _value(snapshot, row[2], fresh=fresh)) for row in rows)
    return f'<table style="text-align:left">{cells}</table>'


def _value(snapshot: StudyStatus, candidate: Candidate, *, fresh: bool) -> str:
    """The mean of a schedule on seeds of one kind, so that two of them may be compared: those of the verdict
    where there is one, fresh ones where both have them, else those of the search."""
    found, lead = snapshot.verdict, snapshot.lead
    sd = None if lead is None else lead.noise_sd
    if found is not None and found.candidate_values:
        is_subject = candidate.key == found.key
        values, where = found.candidate_values if is_subject else found.standard_values, "in the verdict"
    elif fresh or not candidate.searched:
        values, where = candidate.confirmed, "on fresh seeds"
    else:
        values, where = candidate.searched, "in the search"
    return f"{snapshot.spec.objective} {mean_text(values, sd)} {where}"


def _row(name: str, colour: str, candidate: Candidate, told: str) -> str:
    mark = f'<span style="color:{colour}">■</span>'
    texts = (f"{mark} {name}", html.escape(candidate.describe()), html.escape(told))
    return "<tr>" + "".join(f'<td style="text-align:left">{text}</td>' for text in texts) + "</tr>"


def _verdict(snapshot: StudyStatus) -> list[str]:
    return [] if snapshot.verdict is None else [f"Verdict: {snapshot.verdict.sentence}"]


def _next(snapshot: StudyStatus, storage_option: Sequence[str]) -> list[str]:
    """What to do now, in Python and on the command line."""
    spec = snapshot.spec
    lines = []
    if snapshot.wants_verdict:
        command = follow_up(spec, "verdict", *storage_option)
        other = "" if command == "study.verdict()" else f" ({command})"
        does = "settles whether it is better" if snapshot.verdict is None else "trains more pairs"
        lines.append(f"study.verdict(){other} {does}, on fresh seeds.")
    exported = export_command(spec, *storage_option, to=None)
    return [*lines, f"study.export(total_steps={spec.example_steps}) gives the schedule ({exported})."]
