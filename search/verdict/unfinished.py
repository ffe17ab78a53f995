"""Whether a study may still find another leader."""

from __future__ import annotations

from search.durations import duration_text
from search.results.status import StudyStatus


def unfinished_text(snapshot: StudyStatus) -> str | None:
    """A warning to users who judge the leader of an unfinished study; None if the study is done."""
    if snapshot.done:
        return None
    begun = any(snapshot.counts.get(state) for state in ("running", "waiting"))
    state = "still runs" if begun else "is not finished"
    return (
        f"study {snapshot.spec.name} {state} ({_progress(snapshot)}): its leader may change, and this "
        "verdict is then about another schedule."
    )


def _progress(snapshot: StudyStatus) -> str:
    if snapshot.n_trials is not None:
        text = f"{snapshot.finished} of {snapshot.n_trials} trials"
        return text if snapshot.finished < snapshot.n_trials else f"{text}, its answer not worked out yet"
    if snapshot.runs is not None:
        return f"{snapshot.runs.used:.3g} of {snapshot.runs.asked} full runs"
    assert snapshot.budget_seconds is not None, "a study has one limit"
    return f"{duration_text(snapshot.trained_seconds)} of {duration_text(snapshot.budget_seconds)}"
