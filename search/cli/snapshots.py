"""A snapshot of a study in words, for `status` and the end of `launch`, and as JSON for programs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from search.messages import next_command
from search.results.evidence import evidence, evidence_lines, labelled, stand_in_lines
from search.results.headline import headline, subject_name
from search.results.pace import Training
from search.results.progress_text import counts_text, state_text
from search.results.status import StudyStatus
from search.spec.handed import export_command, follow_up
from search.spec.params import params_text
from search.spec.proxy import CommandProxy
from search.storage.study_change import Change
from search.strategy.sensitivity import knob_lines
from warmboot.preview import sparkline

_SPARKLINE_WIDTH = 40
MOST_REASONS = 3
MOST_TRAININGS = 4
"""Number of user trainings that are listed one by one."""


def training_lines(snapshot: StudyStatus) -> list[str]:
    """Progress of the user's own trainings; empty for a population, which has many short ones."""
    if snapshot.spec.proxy_kind == "declared":
        return []
    lines = [_training_text(snapshot, each) for each in snapshot.training[:MOST_TRAININGS]]
    more = len(snapshot.training) - len(lines)
    return [*lines, f"and {more} more"] if more else lines


def _training_text(snapshot: StudyStatus, training: Training) -> str:
    name = f"trial {training.number}"
    if training.value is None:
        return f"{name}: no report yet, of {training.total_steps} steps"
    value = f"{snapshot.spec.objective} {training.value:#.4g}"
    if training.again:
        return f"{name}: taken up again after step {training.step} of {training.total_steps}, {value}"
    return f"{name}: step {training.step} of {training.total_steps}, {value}"


def status_lines(snapshot: StudyStatus, storage_option: Sequence[str] = ()) -> list[str]:
    """A study on the screen; `storage_option`: the words with which the next command finds it."""
    return [*_study_lines(snapshot, storage_option), *_sensitivity_lines(snapshot)]


def _study_lines(
    snapshot: StudyStatus, storage_option: Sequence[str], *, answer_is_told: bool = False
) -> list[str]:
    lines = [f"{snapshot.spec.name}: {counts_text(snapshot)} ({state_text(snapshot)})"]
    lines += labelled("training", training_lines(snapshot))
    if snapshot.plateau is not None:
        lines.append(f"ended     early: {snapshot.plateau}")
    lines += change_lines(snapshot.changes)
    lines += labelled("extended", [run.describe() for run in snapshot.extended])
    if snapshot.hash is not None:
        lines.append(f"hash      {snapshot.hash}: the same file gives the same trials, value by value")
    if snapshot.lead is not None:
        lead = snapshot.lead
        lines += evidence_lines(
            snapshot.spec, lead.chosen, lead, snapshot.transfer, answer_is_told=answer_is_told
        )
        curve = sparkline(lead.chosen.schedule.factors(snapshot.spec.horizon_steps), _SPARKLINE_WIDTH)
        lines.append(f"{'lr':10s}{curve} over the steps of the answer")
        lines += labelled("note", stand_in_lines(snapshot.spec))
    return [*lines, *_remark_lines(snapshot), *_failure_lines(snapshot, storage_option)]


def _sensitivity_lines(snapshot: StudyStatus) -> list[str]:
    """Which parameters matter; empty before the search has ended."""
    found = knob_lines(snapshot.knobs)
    if not found:
        return []
    lead = snapshot.lead
    around = "" if lead is None else f" around {subject_name(lead)}"
    return [f"sensitivity{around}:", *(f"{'':10s}{line}" for line in found)]


def change_lines(changes: Sequence[Change]) -> list[str]:
    """Accepted changes of a study's training."""
    return labelled("changed", [change.describe() for change in changes])


def _remark_lines(snapshot: StudyStatus) -> list[str]:
    """Remarks on trials that did not fail; only the first trial's, since most repeat it."""
    if not snapshot.remarks:
        return []
    number, text = min(snapshot.remarks.items())
    count = len(snapshot.remarks)
    more = f" and {count - 1} more" if count > 1 else ""
    first, *others = text.splitlines()
    return [f"note      trial {number}{more}: {first}", *(f"{'':10s}{line}" for line in others)]


def _failure_lines(snapshot: StudyStatus, storage_option: Sequence[str]) -> list[str]:
    """Reasons of failed trials, and the command that prints their logs."""
    if not snapshot.failures:
        return []
    shown = list(snapshot.failures.items())[:MOST_REASONS]
    lines = [f"failed    {count} x {reason}" for reason, count in shown]
    logs = next_command("logs", snapshot.spec.name, *storage_option)
    return [*lines, f"          the last output of each: {logs}"]


def summary_lines(snapshot: StudyStatus, storage_option: Sequence[str]) -> list[str]:
    """The last lines of a launch, on one screen: the answer and what to do next first, then what is known.

    What `warmboot status` has besides, which parameters matter for example, is left to that.
    """
    answer = [] if snapshot.lead is None else [f"answer    {headline(snapshot.spec, snapshot.lead)}"]
    told = _study_lines(snapshot, storage_option, answer_is_told=True)
    return ["", *answer, *_next_lines(snapshot, storage_option), "", *told]


def _next_lines(snapshot: StudyStatus, storage_option: Sequence[str]) -> list[str]:
    """The commands that continue, the one that helps most first."""
    spec = snapshot.spec
    lines = []
    if not snapshot.done:
        lines.append("the same launch resumes it")
    if snapshot.lead is not None:
        if snapshot.wants_verdict:
            lines.append(follow_up(spec, "verdict", *storage_option))
        lines.append(export_command(spec, *storage_option))
        if isinstance(spec.proxy, CommandProxy):
            params = snapshot.lead.chosen.params
            beside = f" and {params_text(params)}" if params else ""
            lines.append(f"start your training as usual, with WARMBOOT_SCHEDULE=schedule.json set{beside}")
    lines.append(next_command("status", spec.name, *storage_option))
    lines.append(shlex.join(["warmboot", "dashboard", *storage_option]))
    return labelled("next", lines)


def snapshot_json(snapshot: StudyStatus) -> dict[str, Any]:
    """The status as JSON, for programs."""
    best, lead, runs = snapshot.best, snapshot.lead, snapshot.runs
    return {
        "study": snapshot.spec.name,
        "n_trials": snapshot.n_trials,
        "budget_seconds": snapshot.budget_seconds,
        "n_runs": None if runs is None else runs.asked,
        "runs_used": 0.0 if runs is None else runs.used,
        "runs_confirming": 0 if runs is None else runs.confirming,
        "plateau": snapshot.plateau,
        "knobs": [asdict(knob) for knob in snapshot.knobs],
        "trials": snapshot.counts,
        "diverged": snapshot.diverged,
        "trials_per_second": snapshot.trials_per_second,
        "seconds_left": snapshot.seconds_left,
        "stopped": snapshot.stopped,
        "remarks": {str(number): text for number, text in snapshot.remarks.items()},
        "extended": [asdict(run) for run in snapshot.extended],
        "accepted_changes": [change.to_json() for change in snapshot.changes],
        "confirmed": snapshot.confirmed,
        "hash": snapshot.hash,
        "best": None
        if best is None or lead is None
        else {
            "trials": list(best.trial_numbers),
            "schedule": best.describe(),
            **evidence(snapshot.spec, best, lead, snapshot.transfer),
        },
    }
