"""From a study in its database to what is known of its leader at other horizons, kept there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.messages import Say
from search.report.board import refresh_board
from search.results.transfer import TransferResult
from search.results.verdict import VerdictResult, stored_verdict
from search.storage.study_attributes import TRANSFER
from search.storage.study_record import StudyRecord
from search.transfer.horizons import checked_horizons, default_horizons
from search.transfer.lr_sweeps import RUNS_OF_A_SWEEP
from search.transfer.measure import PAIRS, transfer
from search.verdict.leader import StudyLeader, study_leader
from search.verdict.study_arms import TrainingOptions, require_other_horizons, study_arms
from search.verdict.verdict import built_in_standards
from warmboot.schedule import WarmbootSchedule

MOST_STANDARDS = 2
"""Beside which a leader is trained at other horizons."""


@dataclass(frozen=True, kw_only=True)
class TransferOptions(TrainingOptions):
    """Options of a transfer.

    Attributes:
        horizons: to train, in optimizer steps; empty: see `default_horizons`.
        n_pairs: fresh seeds at each.
    """

    horizons: Sequence[int] = ()
    n_pairs: int = PAIRS


def hold_transfer(
    record: StudyRecord,
    options: TransferOptions,
    say: Say,
    how_far: Say,
) -> TransferResult:
    """Train the leader of a study and its strongest standards at several horizons; keep what is found.

    Args:
        record: the study.
        options: what is asked.
        say: told each step in words.
        how_far: told how many trainings have ended, after each.

    Raises:
        RunError: the study has no complete trial, or a training fails, or a sweep has no minimum.
        UsageError: horizons that can't be trained; the proxy may not be run, or is another one here.
    """
    options.permission.require(record.spec.proxy)
    subject = study_leader(record)
    require_other_horizons(record.name, subject.spec)
    least = subject.spec.parsed_space.min_total_steps
    horizons = checked_horizons(options.horizons, least) if options.horizons else ()
    horizons = horizons or default_horizons(subject.spec.horizon_steps, least)
    beside = strongest_standards(subject, stored_verdict(record.attributes))
    say(f"leader: {subject.leader.describe()}")
    compared = subject.compared_text()
    if compared is not None:
        say(compared)
    n_trainings = (1 + len(beside)) * (RUNS_OF_A_SWEEP + options.n_pairs)
    say(_cost(subject, horizons, n_trainings, options))

    def notify(n: int) -> None:
        how_far(f"{n} training{'s' * (n > 1)} done, of about {n_trainings * len(horizons)}")

    with study_arms(record, options, notify, say) as arms:
        found = transfer(
            subject.spec,
            subject.leader,
            beside,
            arms,
            horizons=horizons,
            n_pairs=options.n_pairs,
            say=say,
        )
    record.set_attribute(TRANSFER, found.to_json())
    refresh_board(record, say)
    return found


def strongest_standards(subject: StudyLeader, verdict: VerdictResult | None) -> list[WarmbootSchedule]:
    """Those that did best when they were tuned for a verdict, with their lrs; else linear and cosine.

    A standard that the leader itself is has no place beside it.
    """
    known = {**built_in_standards(), **subject.spec.verdict.schedules}
    shapes = {}
    for tuned in () if verdict is None else verdict.tuned:
        if tuned.name in known:
            shapes[tuned.name] = known[tuned.name].replace(lr=tuned.peak_lr)
    for name in ("linear", "cosine", "rex"):
        shapes.setdefault(name, known[name].replace(lr=subject.expected_lr(known[name])))
    own = subject.leader.schedule.replace(lr=None)
    return [shape for shape in shapes.values() if shape.replace(lr=None) != own][:MOST_STANDARDS]


def _cost(subject: StudyLeader, horizons: Sequence[int], n_trainings: int, options: TransferOptions) -> str:
    """What it takes, `n_trainings` at each horizon."""
    full_runs = n_trainings * sum(horizons) / subject.spec.horizon_steps
    return (
        f"about {n_trainings * len(horizons)} trainings, as long as {full_runs:.0f} full ones: "
        f"{subject.time_text(full_runs, options.device)}"
    )
