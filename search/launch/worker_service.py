"""`warmboot worker`: work on every open study of a storage until stopped."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from sqlalchemy.engine import URL

from search.errors import RunError
from search.launch.checks import resolve_device
from search.launch.failure_lines import FailureLines
from search.launch.open_studies import OpenStudies
from search.launch.outages import Outages
from search.launch.placement import placements_for
from search.launch.worker_pool import WorkerPool
from search.messages import Say
from search.results.status import StudyStatus
from search.spec.permission import Permission
from search.storage.address import shown
from search.storage.database import open_for_work
from search.storage.patience import Patience
from search.worker.process import WorkerTask

LOOK_FOR_STUDIES_SECONDS = 3.0
LISTEN_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """How to serve. `None` takes what the machine gives."""

    storage: URL
    permission: Permission
    workers: int | None = None
    device: str = "auto"
    gpus: tuple[str, ...] | None = None
    until_done: bool = False
    """End when no study is left that can be worked on here."""


def serve(options: ServiceOptions, say: Say) -> None:
    """Work on every open study, one at a time, with all processes; wait for new ones.

    Raises:
        UsageError: the device or the storage can't be used.
        RunError: the storage can't be reached, or (`until_done`) a study failed.
    """
    device = "cuda" if options.gpus is not None else resolve_device(options.device)
    database = open_for_work(options.storage)
    outages = Outages(say)
    database.patience = Patience(math.inf, outages)
    studies = OpenStudies(database, options.permission, say)
    say(f"serving the studies of {shown(options.storage)} on {device}")
    try:
        waiting = False
        while True:
            study = studies.choose()
            if study is not None:
                waiting = False
                _work_on(study, options, device, studies, say, outages)
            elif options.until_done:
                break
            else:
                if not waiting:
                    say("waiting for a study: warmboot launch STUDY --detach")
                waiting = True
                time.sleep(LOOK_FOR_STUDIES_SECONDS)
        if studies.failed:
            raise RunError(f"failed: {', '.join(studies.failed)}; see above.")
    finally:
        database.close()


def _work_on(
    study: StudyStatus,
    options: ServiceOptions,
    device: str,
    studies: OpenStudies,
    say: Say,
    outages: Outages,
) -> None:
    """Work on one study until nothing is left to do, or it fails."""
    name = study.spec.name
    address = options.storage.render_as_string(hide_password=False)
    places = placements_for(study.spec, device=device, gpus=options.gpus, workers=options.workers)
    tasks = [
        WorkerTask(address, name, place.device, place.visible_gpus, options.permission, math.inf)
        for place in places
    ]
    say(f"{name}: started, {study.finished} trials finished so far, limit {study.spec.limit.describe()}")
    failures = FailureLines()
    try:
        with WorkerPool(tasks) as pool:
            while pool.running:
                for message in pool.messages(timeout_seconds=LISTEN_SECONDS):
                    if message["kind"] == "note":
                        say(f"{name}: {message['text']}")
                    elif message["kind"] == "failed":
                        say(f"{name}: {failures.line(message)}")
                    elif message["kind"] == "outage":
                        outages(message["text"], message["at"])
                    elif message["kind"] == "lost":
                        say(f"{name}: a worker process was lost (exit code {message['exit_code']}).")
    except RunError as error:
        studies.set_aside(name, str(error))
    else:
        studies.succeeded(name)
        say(f"{name}: nothing is left to do")
