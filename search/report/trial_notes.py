"""Notes on the trials that matter, in optuna-dashboard: why each was proposed, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState

from search.report.note_markdown import plain, table
from search.report.study_note import drawing, values_row
from search.results.candidate import Candidate, schedule_of
from search.results.evidence import comparison
from search.results.status import StudyStatus
from search.runs.trial_attributes import DIVERGED, FAILURE, HORIZON_STEPS, STOPPED, WHY

MOST_LEADERS = 5
MOST_CONFIRMED = 8
MOST_STOPPED = 3
MOST_NOTES = 24
"""For each trial the dashboard looks at every attribute of the study, and a note has two or more."""


def notes_of_trials(
    snapshot: StudyStatus,
    found: Sequence[Candidate],
    trials: Sequence[FrozenTrial],
    best_trial: FrozenTrial | None,
) -> dict[int, str]:
    """Number of a trial -> its note, Markdown; none for a failed one, which has a note of its failure.

    Args:
        snapshot: how the study stands.
        found: its candidates, the best first.
        trials: all of it.
        best_trial: what Optuna calls its best.
    """
    by_number = {trial.number: trial for trial in trials}
    notes: dict[int, str] = {}
    for title, candidate in _of_interest(snapshot, found):
        for number in candidate.trial_numbers[:2]:
            notes.setdefault(number, _note(title, snapshot, candidate, by_number[number]))
    if best_trial is not None and best_trial.number not in notes:
        own = next((c for c in found if best_trial.number in c.trial_numbers), None)
        if own is not None:
            title = "Optuna's Best Trial: the best single run, which more seeds have not borne out so far"
            notes[best_trial.number] = _note(title, snapshot, own, best_trial)
    for trial in _stopped(trials):
        notes.setdefault(trial.number, _stopped_note(snapshot, trial))
    return dict(list(notes.items())[:MOST_NOTES])


def _of_interest(snapshot: StudyStatus, found: Sequence[Candidate]) -> list[tuple[str, Candidate]]:
    """What a candidate is, in words, and the candidate; the answer and its opponent first."""
    lead = snapshot.lead
    if lead is None:
        return []
    named: list[tuple[str, Candidate]] = [("The answer so far", lead.chosen)]
    if lead.baseline is not None and lead.baseline is not lead.chosen:
        named.append(("The best baseline so far", lead.baseline))
    if lead.leader is not None and lead.leader is not lead.chosen:
        named.append(("The best searched schedule so far", lead.leader))
    first = [c for c in found if c.standard is None][:MOST_LEADERS]
    named += [(f"Among the {MOST_LEADERS} best searched schedules so far", c) for c in first]
    again = [c for c in found if c.confirmed][:MOST_CONFIRMED]
    return [*named, *(("Trained again on fresh seeds", c) for c in again)]


def _note(title: str, snapshot: StudyStatus, candidate: Candidate, trial: FrozenTrial) -> str:
    steps = snapshot.spec.horizon_steps
    head = ("", "schedule", f"{snapshot.spec.objective} in the search", "on fresh seeds")
    noise_sd = None if snapshot.lead is None else snapshot.lead.noise_sd
    rows = [values_row("this one", candidate, noise_sd)]
    parts = [f"**{title}.**", plain(_why(trial)), drawing(candidate.schedule, steps)]
    against = None if snapshot.lead is None else _against(snapshot, candidate)
    if against is not None:
        rows.append(values_row("compared with", against, noise_sd))
    parts.append(table(head, rows))
    if against is not None and against.searched:  # not tuned by a verdict, on seeds of its own
        parts.append(plain(comparison(snapshot.spec, candidate, against)))
    runs = ", ".join(str(number) for number in candidate.trial_numbers[:12])
    parts.append(f"Trials of this schedule, each with a seed of its own: {runs}.")
    return "\n\n".join(part for part in parts if part)


def _against(snapshot: StudyStatus, candidate: Candidate) -> Candidate | None:
    """The best baseline; for that itself, the leader."""
    assert snapshot.lead is not None, "something leads"
    baseline, leader = snapshot.lead.baseline, snapshot.lead.leader
    if baseline is not None and baseline.key != candidate.key:
        return baseline
    return leader if leader is not None and leader.key != candidate.key else None


def _why(trial: FrozenTrial) -> str:
    why = trial.user_attrs.get(WHY)
    return f"Proposed because: {why}" if why else "Drawn by the sampler."


def _stopped(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The last trials that were stopped early or diverged."""
    wrong = (STOPPED, DIVERGED)
    ended = [t for t in trials if t.params and t.state in (TrialState.PRUNED, TrialState.COMPLETE)]
    return [t for t in ended if any(key in t.user_attrs for key in wrong) and FAILURE not in t.user_attrs][
        -MOST_STOPPED:
    ]


def _stopped_note(snapshot: StudyStatus, trial: FrozenTrial) -> str:
    what = "Stopped early" if STOPPED in trial.user_attrs else "Diverged"
    told: Mapping[str, object] = trial.user_attrs
    reason = f"{what}: {told[STOPPED]}" if STOPPED in told else f"{what}: its peak lr was too high"
    schedule = schedule_of(snapshot.spec.parsed_space, trial.params)
    horizon = int(trial.user_attrs.get(HORIZON_STEPS, snapshot.spec.horizon_steps))
    parts = [f"**{plain(reason)}.**", plain(schedule.describe()), drawing(schedule, horizon)]
    return "\n\n".join([*parts, plain(_why(trial))])
