"""The note on a study in optuna-dashboard: the answer first, then what it rests on and how to use it."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from optuna.trial import FrozenTrial

from search.direction import sign_of
from search.report.how_to_use import how_to_use
from search.report.note_markdown import code, plain, table
from search.results.candidate import Candidate
from search.results.evidence import basis_lines
from search.results.headline import headline, subject_name
from search.results.progress_text import progress_line
from search.results.rounded import mean_text, value_text
from search.results.status import StudyStatus
from search.spec.handed import follow_up
from search.strategy.sensitivity import knob_lines, knob_sentence
from warmboot.drawing import draw
from warmboot.schedule import WarmbootSchedule

WIDTH, HEIGHT = 24, 5
"""Of a drawing, in characters: it fits a phone."""
NO_ANSWER = "No answer yet: no full training has ended."
FOOT = (
    "*Warmboot keeps this note up to date until somebody edits it; a note that is emptied comes back. "
    "The plots are on the study's first page, under History.*"
)


def study_note(
    snapshot: StudyStatus,
    best_trial: FrozenTrial | None,
    storage_option: Sequence[str],
    now: datetime.datetime,
) -> str:
    """The note, Markdown.

    Args:
        snapshot: how the study stands.
        best_trial: what Optuna calls its best; None before the first.
        storage_option: the words with which a command finds the storage.
        now: told in the note of a study that runs.
    """
    as_of = f" As of {now:%Y-%m-%d %H:%M} UTC." if snapshot.state == "running" else ""
    parts = [*_headline(snapshot), plain(progress_line(snapshot)) + as_of]
    if snapshot.best is not None:
        parts += _answer_parts(snapshot)
        parts += _verdict_parts(snapshot, storage_option)
        parts += _use_parts(snapshot, storage_option)
        parts += [
            "### Why this is not simply the Best Trial",
            plain(why_not_best_trial(snapshot, best_trial)),
        ]
        parts += _parameter_parts(snapshot)
    return "\n\n".join([*parts, FOOT])


def answer_line(snapshot: StudyStatus) -> str:
    """The answer in a few sentences: the verdict where there is one, else what is known without."""
    return " ".join(_answer(snapshot))


def parameters_line(snapshot: StudyStatus) -> str | None:
    """Which parameters matter, in a sentence; None before the search has ended."""
    if not snapshot.knobs or snapshot.lead is None:
        return None
    return f"Around {subject_name(snapshot.lead)}: {knob_sentence(snapshot.knobs)}."


def why_not_best_trial(snapshot: StudyStatus, best_trial: FrozenTrial | None) -> str:
    """What Optuna's best trial is, and why the answer need not be that."""
    best = snapshot.best
    assert best is not None, "there is an answer"
    if best_trial is None or best_trial.value is None:
        return "Optuna has no best trial yet."
    noise_sd = None if snapshot.lead is None else snapshot.lead.noise_sd
    name, value = (
        f"trial {best_trial.number}",
        f"{snapshot.spec.objective} {value_text(best_trial.value, noise_sd)}",
    )
    lucky = (
        "the best of many runs is a lucky one, so the answer is the schedule that all runs together, and "
        "those on fresh seeds, let expect most of"
    )
    if best_trial.number in best.trial_numbers:
        return f"Optuna's Best Trial, {name}, is a run of this schedule ({value}); {lucky}."
    return f"Optuna's Best Trial, {name} ({value}), is the best single run; {lucky}."


def drawing(schedule: WarmbootSchedule, total_steps: int) -> str:
    """A schedule drawn in characters, as a block of code."""
    return code(draw(schedule.lr_table(total_steps), width=WIDTH, height=HEIGHT))


def values_row(name: str, candidate: Candidate, noise_sd: float | None) -> list[str]:
    """A row of the table of schedules: its mean in the search and on fresh seeds."""
    # A baseline that a verdict tuned has no run of the search, and other seeds than the confirmation's.
    fresh = candidate.confirmed if candidate.searched else ()
    means = [mean_text(values, noise_sd) for values in (candidate.searched, fresh)]
    return [name, plain(candidate.describe()), *means]


def compared(snapshot: StudyStatus) -> list[tuple[str, Candidate]]:
    """The answer and what it is compared with, each with what it is."""
    best, other, lead = snapshot.best, snapshot.other, snapshot.lead
    assert best is not None, "there is an answer"
    assert lead is not None, "there is an answer"
    rows = [("answer, a baseline" if best is lead.baseline else "answer", best)]
    if other is not None:
        rows.append(("best baseline" if other is lead.baseline else "best searched", other))
    return rows


def _answer(snapshot: StudyStatus) -> list[str]:
    """What to use, and how sure that is."""
    if snapshot.lead is None:
        return [NO_ANSWER]
    return [headline(snapshot.spec, snapshot.lead), *basis_lines(snapshot.spec, snapshot.lead)]


def _headline(snapshot: StudyStatus) -> list[str]:
    first, *basis = _answer(snapshot)
    return [f"## {plain(first)}", *map(plain, basis)]


def _answer_parts(snapshot: StudyStatus) -> list[str]:
    rows, steps = compared(snapshot), snapshot.spec.horizon_steps
    noise_sd = None if snapshot.lead is None else snapshot.lead.noise_sd
    head: tuple[str, ...] = ("", "schedule", f"{snapshot.spec.objective} in the search", "on fresh seeds")
    cells = [values_row(name, candidate, noise_sd) for name, candidate in rows]
    found = snapshot.verdict
    if found is not None and found.candidate_values:
        head = (*head, f"{found.objective} in the verdict")
        for row, (_, candidate) in zip(cells, rows, strict=True):
            values = found.candidate_values if candidate.key == found.key else found.standard_values
            row.append(mean_text(values, found.seed_sd))
    parts = [table(head, cells)]
    for name, candidate in rows:
        parts += [f"**{name}**: lr over {steps} steps", drawing(candidate.schedule, steps)]
    return parts


def _verdict_parts(snapshot: StudyStatus, storage_option: Sequence[str]) -> list[str]:
    spec, found = snapshot.spec, snapshot.verdict
    if found is None:
        command = follow_up(spec, "verdict", *storage_option)
        parts = ["### Verdict", f"None yet; this settles it, on fresh seeds: `{command}`"]
    else:
        parts = ["### Verdict", *map(plain, (found.sentence, *found.lines))]
    if snapshot.extended:
        parts += ["### Extended", *(plain(run.describe()) for run in snapshot.extended)]
    if snapshot.transfer is not None:
        parts += ["### At other lengths of training", *map(plain, snapshot.transfer.lines())]
    return parts


def _use_parts(snapshot: StudyStatus, storage_option: Sequence[str]) -> list[str]:
    """The command that exports the answer, and what to do with the file."""
    assert snapshot.best is not None, "there is an answer"
    export, _, training = how_to_use(snapshot.spec, snapshot.best, storage_option).partition("\n")
    return ["### How to use it", f"`{export}`", code(training.strip())]


def _parameter_parts(snapshot: StudyStatus) -> list[str]:
    lines = knob_lines(snapshot.knobs)
    if not lines:
        return []
    about = "the answer" if snapshot.lead is None else subject_name(snapshot.lead)
    rows = [[name, plain(words.strip())] for name, _, words in (line.partition(" ") for line in lines)]
    return ["### Which parameters matter", table(("parameter", f"around {about}"), rows)]


def best_trial_of(trials: Sequence[FrozenTrial], snapshot: StudyStatus) -> FrozenTrial | None:
    """What Optuna calls the best trial: the complete one with the best value."""
    sign = sign_of(snapshot.spec.direction)
    complete = [t for t in trials if t.state.name == "COMPLETE" and t.value is not None]
    return min(complete, key=lambda t: sign * float(t.value or 0.0), default=None)
