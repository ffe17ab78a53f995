"""From a study in its database to a verdict on its leader, kept there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from search.errors import UsageError
from search.messages import Say
from search.report.board import refresh_board
from search.results.status import read_status
from search.results.verdict import VerdictResult
from search.spec.proxy import DeclaredProxy
from search.storage.study_attributes import VERDICT
from search.storage.study_record import StudyRecord
from search.verdict.comparison import Conditions, contest
from search.verdict.in_steps import why_not_in_steps
from search.verdict.leader import StudyLeader, study_leader
from search.verdict.study_arms import TrainingOptions, study_arms
from search.verdict.unfinished import unfinished_text
from warmboot.baseline_schedules import baselines, opponents
from warmboot.schedule import WarmbootSchedule

# The likeliest to be strong first: with few runs the others are not tried.
BASELINE_ORDER = (
    "linear",
    "cosine",
    "cosine_floor",
    "linear_warmup",
    "rex",
    "wsd",
    "cosine_warmup",
    "one_cycle",
    "sgdr",
    "constant",
)


@dataclass(frozen=True, kw_only=True)
class Options(TrainingOptions):
    """Options of a verdict.

    Attributes:
        baselines: schedules of one's own by name, tuned and compared as the standards are.
        others: whether the other standards are told too, and a constant lr with averaged weights where a
            population trains a model.
        steps: whether the gain is measured in steps after any outcome, not only after a win.
        most_pairs: at which look it ends at the latest; None: as the study file says.
        margin: of equivalence: smaller differences do not matter to the user, in the objective's unit; None:
            as the study file says.
    """

    baselines: Mapping[str, WarmbootSchedule] = field(default_factory=dict)
    others: bool = False
    steps: bool = False
    most_pairs: int | None = None
    margin: float | None = None


def hold_contest(record: StudyRecord, options: Options, say: Say, how_far: Say) -> VerdictResult:
    """Judge the leader of a study and keep the verdict on it.

    Args:
        record: the study.
        options: what is asked.
        say: told each step in words.
        how_far: told how many trainings have ended, after each.

    Raises:
        RunError: the study has no complete trial, or a training fails.
        UsageError: the proxy may not be run, or is another one here; `steps` is asked for and can't be told.
    """
    options.permission.require(record.spec.proxy)
    subject = study_leader(record)
    reason = why_not_in_steps(subject.spec) if options.steps else None
    if reason is not None:
        raise UsageError(f"--steps: study {record.name!r} can't measure the gain in steps: {reason}")
    conditions = _conditions(subject, options)
    _tell(record, subject, conditions, options, say)
    most = conditions.cost(subject.spec).most_trainings

    def notify(n: int) -> None:
        how_far(f"{n} training{'s' * (n > 1)} done, of {most} at most")

    with study_arms(record, options, notify, say) as arms:
        result = contest(subject.spec, subject.leader, arms, conditions, say)
    record.set_attribute(VERDICT, result.to_json())
    record.set_answer(result.sentence)
    refresh_board(record, say)
    return result


def built_in_standards() -> dict[str, WarmbootSchedule]:
    """What a verdict tunes besides the user's own, by name, the likeliest to be strong first."""
    known = baselines()
    return {**{name: known[name] for name in BASELINE_ORDER}, **opponents()}


def _conditions(subject: StudyLeader, options: Options) -> Conditions:
    wishes, proxy = subject.spec.verdict, subject.spec.proxy
    return Conditions(
        linear_lr=subject.expected_linear_lr(),
        search_runs=subject.full_runs,
        standards={**options.baselines, **wishes.schedules, **built_in_standards()},
        others=options.others,
        averaged=isinstance(proxy, DeclaredProxy) and proxy.has_weights,
        steps=options.steps,
        most_pairs=options.most_pairs or wishes.pairs,
        margin=options.margin or wishes.margin,
    )


def _tell(
    record: StudyRecord, subject: StudyLeader, conditions: Conditions, options: Options, say: Say
) -> None:
    """Tell what users have to know before it begins."""
    unfinished = unfinished_text(read_status(record, record.reader()))
    if unfinished is not None:
        say(unfinished)
    say(f"leader: {subject.leader.describe()}")
    compared = subject.compared_text()
    if compared is not None:
        say(compared)
    time_text = partial(subject.time_text, device=options.device)
    cost = conditions.cost(subject.spec)
    for line in cost.lines(name=record.name, time_text=time_text, searched=subject.searched_text()):
        say(line)
