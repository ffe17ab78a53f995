"""More trainings of a study that has results: of what it has trained, or of a change that is accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from search.checkpoints.study_folder import StudyCheckpoints
from search.errors import UsageError
from search.messages import Say
from search.spec.handed import HandedOver
from search.spec.permission import Permission
from search.spec.study import StudySpec
from search.storage.study_record import StudyRecord
from search.training.batch import Arms
from search.training.study_checkpoints import checkpoints_of
from search.worker.training_here import accept_made_of, check_made_of, spec_here


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of whatever trains more of a study.

    Attributes:
        device: of torch.
        permission: what a study's proxy may run.
        accept_change: whether another script than the study's may be trained; the study keeps that.
        handed: the study's function, where a Python session has handed it over.
    """

    device: str
    permission: Permission
    accept_change: bool = False
    handed: HandedOver | None = None


def require_other_horizons(name: str, spec: StudySpec) -> None:
    """Refuse a study that can train to its own horizon only.

    Raises:
        UsageError: its command does not take the steps that it trains.
    """
    if not spec.can_change_horizon:
        raise UsageError(
            f"study {name!r} runs a command without {{total_steps}}, which trains to one horizon only; let "
            "the command take its steps from {total_steps}."
        )


@contextmanager
def study_arms(
    record: StudyRecord,
    options: TrainingOptions,
    notify: Callable[[int], None],
    say: Say,
    checkpoints: StudyCheckpoints | None = None,
) -> Iterator[Arms]:
    """Trainings of a study on this machine.

    Args:
        record: the study.
        options: what is asked.
        notify: told how many trainings have ended.
        say: told what is accepted.
        checkpoints: where trainings keep what outlives this process; None: where the study's do.

    Raises:
        UsageError: its proxy is another one here, and that is not accepted.
    """
    checkpoints = checkpoints or checkpoints_of(record)
    with Arms(spec_here(record), options.device, notify, options.handed, checkpoints) as arms:
        if options.accept_change:
            accept_made_of(record, arms.made_of, say)
        check_made_of(record, arms.made_of)
        yield arms
