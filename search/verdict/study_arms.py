"""More trainings of a study that has results: of what it has trained, or of a change that is accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from search.messages import Say
from search.spec.handed import HandedOver
from search.storage.study_record import StudyRecord
from search.training.batch import Arms
from search.worker.training_here import accept_made_of, check_made_of, spec_here


@contextmanager
def study_arms(
    record: StudyRecord,
    device: str,
    notify: Callable[[int], None],
    say: Say,
    *,
    accept_change: bool,
    handed: HandedOver | None = None,
) -> Iterator[Arms]:
    """Trainings of a study on this machine.

    Args:
        record: the study.
        device: of torch.
        notify: told how many trainings have ended.
        say: told what is accepted.
        accept_change: whether another script than the study's may be trained; the study keeps that.
        handed: the study's function, where a Python session has handed it over.

    Raises:
        UsageError: its proxy is another one here, and that is not accepted.
    """
    with Arms(spec_here(record), device, notify, handed) as arms:
        if accept_change:
            accept_made_of(record, arms.made_of, say)
        check_made_of(record, arms.made_of)
        yield arms
