"""How far a study is, in words."""

from __future__ import annotations

from search.durations import duration_text, rate_text
from search.results.run_count import RunCount
from search.results.status import StudyStatus


def counts_text(snapshot: StudyStatus) -> str:
    """How far the study is, in one line.

    The states that are empty are left out, but for those a person waits for.
    """
    parts = [_limit_text(snapshot)]
    parts += [
        f"{snapshot.counts[state]} {word}"
        for state, word in (
            ("running", "running"),
            ("waiting", "waiting"),
            ("fail", "failed"),
            ("pruned", "ended short of the horizon"),
        )
        if snapshot.counts.get(state)
    ]
    if snapshot.diverged:
        parts.append(f"{snapshot.diverged} diverged")
    return ", ".join(parts)


def _limit_text(snapshot: StudyStatus) -> str:
    if snapshot.n_trials is not None:
        if snapshot.used > snapshot.n_trials:
            return f"{trials_done(snapshot)}, {snapshot.n_trials} were asked for"
        return f"{snapshot.results} of {snapshot.n_trials} trials done"
    if snapshot.runs is not None:
        return f"{trials_done(snapshot)}, {_runs_text(snapshot, snapshot.runs)}"
    assert snapshot.budget_seconds is not None, "a study has one limit"
    used, budget = duration_text(snapshot.trained_seconds), duration_text(snapshot.budget_seconds)
    return f"{trials_done(snapshot)} in {used} of {budget}"


def _runs_text(snapshot: StudyStatus, runs: RunCount) -> str:
    """What is kept to confirm the best adds up with the rest to what the study file asks for."""
    begun = " or begun" if snapshot.running else ""
    used = f"{runs.used:.3g} of {runs.asked} full runs used{begun}"
    if runs.kept and not snapshot.confirmed:
        return f"{used}, {runs.kept} kept to confirm the best"
    return f"{used}, {runs.confirming} of them to confirm the best" if runs.confirming else used


def progress_line(snapshot: StudyStatus) -> str:
    """How far the study is, in a sentence."""
    ended = "" if snapshot.plateau is None else f" The search ended early: {snapshot.plateau}."
    return f"{counts_text(snapshot)} ({state_text(snapshot)}).{ended}"


def trials_done(snapshot: StudyStatus) -> str:
    """How many trials have a result."""
    return f"{snapshot.results} trial{'' if snapshot.results == 1 else 's'} done"


def state_text(snapshot: StudyStatus) -> str:
    """Whether the study is running, paused, stopped or done, and how to resume it."""
    if snapshot.state == "running":
        return ", ".join(part for part in ("running", pace_text(snapshot)) if part)
    return "done" if snapshot.state == "done" else f"{snapshot.state}; run the same launch to resume"


def pace_text(snapshot: StudyStatus) -> str:
    """Training rate and time left for the search; empty while neither is known."""
    parts = []
    if snapshot.trials_per_second:
        parts.append(rate_text(snapshot.trials_per_second, "trials"))
    if snapshot.seconds_left:
        bound = "at most" if snapshot.may_end_early else "about"
        parts.append(f"{bound} {duration_text(snapshot.seconds_left)} left")
    return ", ".join(parts)


def confirming_text(confirming: tuple[int, int]) -> str:
    """The progress of a confirmation; `confirming`: runs done, runs in all."""
    return f"confirming the best on fresh seeds: {confirming[0]} of {confirming[1]} runs"
