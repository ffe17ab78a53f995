"""Running a study: workers train it, this process watches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from search.launch.checks import RegisteredStudy, WantedStudy, prepare, wanted
from search.launch.engine import Engine, LaunchOptions, LocalEngine
from search.launch.failure_lines import FailureLines
from search.launch.outages import Outages
from search.launch.worker_pool import WorkerPool, grace_seconds_for
from search.messages import Say
from search.population.make import trains_together
from search.results.status import StudyStatus, read_status
from search.storage.patience import HOLDING_SECONDS, Patience
from search.storage.study_record import StudyRecord
from search.training.trainers import slots_for
from search.worker.process import WorkerTask

LOOK_EVERY_SECONDS = 1.0
LOOK_AT_SCRIPTS_EVERY_SECONDS = 5.0
"""User scripts run for minutes; polling less often leaves the CPU to them."""
LOOK_FOR_ROOM_EVERY_SECONDS = 10.0


@dataclass(frozen=True)
class Setting:
    """Facts before the first trial: shown once."""

    study_name: str
    created: bool
    workers: int
    slots: int
    device: str
    together: bool = True
    """Whether the runs of a process are trained in the same operations, not in turns."""


class LaunchView(Protocol):
    """A view of a launch: a live terminal, plain lines, or a test."""

    def begin(self, setting: Setting, snapshot: StudyStatus) -> None: ...

    def update(self, snapshot: StudyStatus, confirming: tuple[int, int] | None) -> None:
        """Called every second or few; `confirming` is (runs done, runs in all) in that phase."""

    def note(self, text: str) -> None:
        """Something a person should know, once."""

    def end(self) -> None: ...


def launch(
    study: str | WantedStudy, options: LaunchOptions, view: LaunchView, engine: Engine | None = None
) -> tuple[StudyRecord, StudyStatus]:
    """Create or resume a study and work on it until it is done or stopped.

    Args:
        study: a packaged name or a path, or what a Python session wants.
        options: how to run it.
        view: is shown how it goes.
        engine: gives the workers; None: this machine.

    Raises:
        UsageError: nothing was started; the message lists what is wrong.
        RunError: the work failed; what was finished is kept, and the same command resumes it.
    """
    want = wanted(study, options.limit) if isinstance(study, str) else study
    engine = engine or LocalEngine(options)
    engine.begin(want, view.note)
    prepared = _prepared(want, options, view.note, engine)
    record = prepared.record
    address = options.storage.render_as_string(hide_password=False)
    of_all = WorkerTask(address, record.name, engine.device, handed=want.handed)
    tasks = engine.tasks(record.spec, of_all)
    setting = Setting(
        study_name=record.name,
        created=prepared.created,
        workers=len(tasks),
        slots=slots_for(record.spec, engine.device),
        device=engine.device,
        together=trains_together(prepared.proxy, record.spec.population.way),
    )
    try:
        _watch(record, of_all, tasks, setting, view, engine)
        return record, read_status(record, record.reader(), settle=True)
    finally:
        view.end()


def register(
    study: str | WantedStudy, options: LaunchOptions, say: Say = lambda _text: None
) -> RegisteredStudy:
    """Create a study, or open it for more, and leave the work on it to `warmboot worker`.

    Raises:
        UsageError: nothing was stored; the message lists what is wrong.
    """
    return prepare(
        study,
        options.storage,
        options.limit,
        trains_here=False,
        accept_change=options.accept_change,
        say=say,
    )


def _prepared(want: WantedStudy, options: LaunchOptions, say: Say, engine: Engine) -> RegisteredStudy:
    return prepare(
        want,
        options.storage,
        options.limit,
        device=engine.device,
        trains_here=engine.trains_here,
        way_of_new=engine.new_way,
        accept_change=options.accept_change,
        say=say,
    )


def _watch(
    record: StudyRecord,
    of_all: WorkerTask,
    tasks: Sequence[WorkerTask],
    setting: Setting,
    view: LaunchView,
    engine: Engine,
) -> None:
    outages, failures = Outages(view.note), FailureLines()
    record.database.patience = Patience(HOLDING_SECONDS, outages)
    reader = record.reader()
    snapshot = read_status(record, reader)
    view.begin(setting, snapshot)
    if snapshot.done:
        return
    confirming: tuple[int, int] | None = None
    declared = snapshot.spec.proxy_kind == "declared"
    every = LOOK_EVERY_SECONDS if declared else LOOK_AT_SCRIPTS_EVERY_SECONDS
    look_at, room_at = time.monotonic() + every, time.monotonic() + LOOK_FOR_ROOM_EVERY_SECONDS
    n_workers = len(tasks)
    grace_seconds = grace_seconds_for(snapshot.spec)
    with WorkerPool(tasks, engine.start, record.note_crash, grace_seconds=grace_seconds) as pool:
        while pool.running:
            for message in pool.messages(timeout_seconds=LOOK_EVERY_SECONDS / 4):
                if message["kind"] == "confirming":
                    confirming = (message["done"], message["of"])
                elif message["kind"] == "note":
                    view.note(message["text"])
                elif message["kind"] == "failed":
                    view.note(failures.line(message))
                elif message["kind"] == "outage":
                    outages(message["text"], message["at"])
                elif message["kind"] == "lost":
                    view.note(message["text"])
            if time.monotonic() >= look_at:
                snapshot = read_status(record, reader)
                view.update(snapshot, confirming)
                look_at = time.monotonic() + every
                if snapshot.done and pool.only_waits:  # for what? the others have done it all
                    break
            if time.monotonic() >= room_at:
                more = engine.more_tasks(snapshot.spec, of_all, n_workers)
                pool.add(more)
                n_workers += len(more)
                room_at = time.monotonic() + LOOK_FOR_ROOM_EVERY_SECONDS
    view.update(read_status(record, reader), confirming)
