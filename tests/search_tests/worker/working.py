"""A worker of a study in this process, and its training; told when to end."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from search.runs.events import Event
from search.storage.plans import Plan
from search.storage.study_record import StudyRecord
from search.training.study_checkpoints import checkpoints_of, kept_trials_of
from search.training.trainers import make_trainer, slots_for
from search.worker.planner import make_plan
from search.worker.run_files import RunFiles
from search.worker.storage_thread import Outcome, StorageLoop
from search.worker.two_threads import StorageThread, train
from tests.search_tests.patience import PATIENCE_SECONDS
from tests.search_tests.studies import trial_queue


def work(
    record: StudyRecord, *, plan: Plan | None = None, until: Callable[[StudyRecord], bool] | None = None
) -> Outcome:
    """Train until the study is done, or `until` holds.

    Args:
        record: the study.
        plan: what to train; None: what the study's own strategy says.
        until: when it is told to end.
    """
    ready, events, stop = queue.SimpleQueue[Any](), queue.SimpleQueue[Event](), threading.Event()
    over, spec, checkpoints = threading.Event(), record.spec, checkpoints_of(record)
    trainer, _ = make_trainer(
        spec, device="cpu", ready=ready, events=events, stop=stop, checkpoints=checkpoints
    )
    loop = StorageLoop(
        record,
        trial_queue(record, plan or make_plan(record)),
        slots=slots_for(spec, "cpu"),
        ready=ready,
        events=events,
        stop=stop,
        notify=lambda _: None,
        files=RunFiles(checkpoints, kept_trials_of(record)),
        training_over=over,
    )
    watch = threading.Thread(target=_stop_when, args=(lambda: until is not None and until(record), stop))
    watch.start()
    try:
        return train(trainer, StorageThread(loop, stop, ready), stop, over)
    finally:
        stop.set()
        watch.join(PATIENCE_SECONDS)


def _stop_when(so: Callable[[], bool], stop: threading.Event) -> None:
    while not stop.wait(0.02):
        if so():
            stop.set()
