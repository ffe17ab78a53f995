"""Running a study here: workers train it, this process watches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.engine import URL

from search.launch.checks import RegisteredStudy, WantedStudy, prepare, resolve_device
from search.launch.failure_lines import FailureLines
from search.launch.outages import Outages
from search.launch.placement import placements_for
from search.launch.spare_workers import SpareWorkers
from search.launch.worker_pool import WorkerPool
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


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """How to run a study. `None` takes what the study file or the machine gives."""

    storage: URL
    n_trials: int | None = None
    workers: int | None = None
    device: str = "auto"
    gpus: tuple[str, ...] | None = None
    """One worker a GPU, or a group of `gpus_per_trial`; instead of `device`."""
    accept_change: bool = False
    """Whether a study with results goes on with another script; it keeps that."""


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
    study: str | WantedStudy, options: LaunchOptions, view: LaunchView, spares: SpareWorkers | None = None
) -> tuple[StudyRecord, StudyStatus]:
    """Create or resume a study and work on it until it is done or stopped.

    Args:
        study: a packaged name or a path, or what a Python session wants.
        options: how to run it.
        view: is shown how it goes.
        spares: workers that wait for a task; None: all are spawned.

    Raises:
        UsageError: nothing was started; the message lists what is wrong.
        RunError: the work failed; what was finished is kept, and the same command resumes it.
    """
    device = "cuda" if options.gpus is not None else resolve_device(options.device)
    prepared = _prepared(study, options, view.note, device=device)
    record = prepared.record
    places = placements_for(record.spec, device=device, gpus=options.gpus, workers=options.workers)
    address = options.storage.render_as_string(hide_password=False)
    handed = None if isinstance(study, str) else study.handed
    tasks = [
        WorkerTask(address, record.name, place.device, place.visible_gpus, handed=handed) for place in places
    ]
    setting = Setting(
        study_name=record.name,
        created=prepared.created,
        workers=len(tasks),
        slots=slots_for(record.spec, places[0].device),
        device=places[0].device,
        together=trains_together(prepared.proxy, record.spec.population.way),
    )
    try:
        _watch(record, tasks, setting, view, spares)
        return record, read_status(record, record.reader(), settle=True)
    finally:
        view.end()


def register(study: str, options: LaunchOptions, say: Say = lambda _text: None) -> RegisteredStudy:
    """Create a study, or open it for more, and leave the work on it to `warmboot worker`.

    Raises:
        UsageError: nothing was stored; the message lists what is wrong.
    """
    return _prepared(study, options, say, trains_here=False)


def _prepared(
    study: str | WantedStudy,
    options: LaunchOptions,
    say: Say,
    *,
    device: str = "cpu",
    trains_here: bool = True,
) -> RegisteredStudy:
    return prepare(
        study,
        options.storage,
        options.n_trials,
        device=device,
        trains_here=trains_here,
        accept_change=options.accept_change,
        say=say,
    )


def _watch(
    record: StudyRecord,
    tasks: Sequence[WorkerTask],
    setting: Setting,
    view: LaunchView,
    spares: SpareWorkers | None,
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
    look_at = time.monotonic() + every
    with WorkerPool(tasks, spares) as pool:
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
                    view.note(
                        f"a worker process was lost (exit code {message['exit_code']}); another "
                        "takes its place and its trials."
                    )
            if time.monotonic() >= look_at:
                view.update(read_status(record, reader), confirming)
                look_at = time.monotonic() + every
    view.update(read_status(record, reader), confirming)
