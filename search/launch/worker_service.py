"""`warmboot worker`: work on the open studies of a storage until stopped.

Every few seconds it looks at the storage and decides anew which studies get which part of the machine
(`search.launch.shares`). Each served study has processes of its own; one whose part changes finishes what it
trains, and begins again on the new part.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL

from search.errors import RunError, UsageError
from search.launch.checks import resolve_device
from search.launch.failure_lines import FailureLines
from search.launch.health_file import HealthFile
from search.launch.open_studies import OpenStudies, OpenStudy
from search.launch.outages import Outages
from search.launch.placement import placements_for
from search.launch.service_log import ServiceLog
from search.launch.shares import Candidate, Machine, Share, rearranged
from search.launch.worker_pool import WorkerPool, grace_seconds_for
from search.processes.cores import usable_cores
from search.spec.permission import Permission
from search.spec.study import StudySpec
from search.storage.address import shown
from search.storage.database import open_for_work
from search.storage.patience import Patience
from search.storage.study_record import find_study
from search.worker.process import WorkerTask

LOOK_FOR_STUDIES_SECONDS = 3.0
LOOK_WHILE_WORKING_SECONDS = 10.0
LISTEN_SECONDS = 1.0
TURN_SECONDS = 600.0
"""How long a study is worked on while others wait for the same part of the machine."""


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
    only: tuple[str, ...] = ()
    """The studies to work on; none: all."""
    health_file: Path | None = None
    """Kept fresh while the worker lives; see `HealthFile`."""


def serve(options: ServiceOptions, log: ServiceLog) -> None:
    """Work on every open study by priority and age, several side by side; wait for new ones.

    Raises:
        UsageError: the device, the storage or the health file can't be used, or a study is unknown.
        RunError: the storage can't be reached, or (`until_done`) a study failed.
    """
    device = "cuda" if options.gpus is not None else resolve_device(options.device)
    database = open_for_work(options.storage)
    health = HealthFile(options.health_file)
    outages = Outages(log)
    database.patience = Patience(math.inf, outages, meanwhile=lambda: health.beat("waiting for the database"))
    for name in options.only:
        find_study(database, name)
    studies = OpenStudies(database, options.permission, log, options.only)
    service = _Service(options, device, studies, health, outages, log)
    log(f"serving the studies of {shown(options.storage)} on {device}")
    try:
        service.run()
    finally:
        service.end()
        health.remove()
        database.close()
    if studies.failed:
        raise RunError(f"failed: {', '.join(studies.failed)}; see above.")


@dataclass
class _Work:
    """A study that is worked on."""

    share: Share
    pool: WorkerPool
    processes: int
    began: float = field(default_factory=time.monotonic)
    failures: FailureLines = field(default_factory=FailureLines)
    ends: bool = False
    """Whether it was told to finish what it trains, and then to end."""


class _Service:
    """The studies that are worked on, each with its part of the machine."""

    def __init__(
        self,
        options: ServiceOptions,
        device: str,
        studies: OpenStudies,
        health: HealthFile,
        outages: Outages,
        log: ServiceLog,
    ) -> None:
        self._options = options
        self._device = device
        self._studies = studies
        self._health = health
        self._outages = outages
        self._log = log
        cores = usable_cores() if device == "cpu" else 1
        self._machine = Machine(
            workers=options.workers, processes=options.workers or cores, gpus=options.gpus
        )
        self._work: dict[str, _Work] = {}
        self._served_at: dict[str, float] = {}
        self._look_at = 0.0

    def run(self) -> None:
        """Serve until stopped, or until nothing is left where that was asked for."""
        waiting = False
        while True:
            if time.monotonic() >= self._look_at:
                self._look()
            if self._work:
                waiting = False
                self._health.beat("training", list(self._work))
                self._listen()
            elif self._options.until_done:
                return
            else:
                if not waiting:
                    self._log("waiting for a study: warmboot launch STUDY --detach")
                waiting = True
                self._health.beat("waiting for a study")
                time.sleep(max(0.0, self._look_at - time.monotonic()))

    def end(self) -> None:
        """Let all hand back what they have, at the same time."""
        for work in self._work.values():
            work.pool.tell("stop")
        for work in self._work.values():
            work.pool.stop()

    def _look(self) -> None:
        """Decide anew what is served, and begin and end accordingly."""
        open_now = {study.name: study for study in self._studies.all()}
        served = {name: work.share for name, work in self._work.items() if not work.ends}
        now = time.monotonic()
        over = [name for name in served if now - self._work[name].began >= TURN_SECONDS]
        # One that is not open any more ends by itself.
        candidates = [self._candidate(study) for study in open_now.values()]
        wanted = rearranged(candidates, served.keys() & open_now.keys(), self._machine, over)
        for name in served.keys() & open_now.keys():
            if wanted.get(name) != served[name]:
                self._work[name].ends = True
                self._work[name].pool.tell("finish")
        for name, share in wanted.items():
            if name not in self._work and self._is_free(share, open_now[name].status.spec):
                self._begin(open_now[name], share)
        pause = LOOK_WHILE_WORKING_SECONDS if self._work else LOOK_FOR_STUDIES_SECONDS
        self._look_at = time.monotonic() + pause

    def _candidate(self, study: OpenStudy) -> Candidate:
        spec = study.status.spec
        alone = spec.proxy_kind != "declared" and self._options.workers is None
        return Candidate(
            name=study.name,
            priority=study.priority,
            at_work=0 if study.name in self._work else study.status.running or int(study.status.at_work),
            served_at=self._served_at.get(study.name, -math.inf),
            gpus_per_trial=getattr(spec.proxy, "gpus_per_trial", 1),
            most_workers=1 if alone else None,
        )

    def _is_free(self, share: Share, spec: StudySpec) -> bool:
        """Whether what others still finish leaves room for it."""
        others = list(self._work.values())
        if not others:
            return True
        if share.gpus is not None:
            return all(share.is_apart_from(work.share) for work in others)
        used = sum(work.processes for work in others)
        return used + (share.workers or self._machine.processes) <= self._machine.processes

    def _begin(self, study: OpenStudy, share: Share) -> None:
        name, spec, options = study.name, study.status.spec, self._options
        address = options.storage.render_as_string(hide_password=False)
        try:
            places = placements_for(spec, device=self._device, gpus=share.gpus, workers=share.workers)
        except UsageError as error:  # GPUs that do not make whole groups
            self._studies.set_aside(name, str(error))
            return
        tasks = [
            WorkerTask(address, name, place.device, place.visible_gpus, options.permission, math.inf)
            for place in places
        ]
        self._log(f"started, {study.status.finished} trials finished so far, limit {spec.limit_text}", name)
        self._served_at[name] = time.monotonic()
        pool = WorkerPool(tasks, crashed=study.record.note_crash, grace_seconds=grace_seconds_for(spec))
        self._work[name] = _Work(share, pool, len(tasks))

    def _listen(self) -> None:
        """Take in what the processes of all studies say, for a moment."""
        for name, work in list(self._work.items()):
            try:
                for message in work.pool.messages(timeout_seconds=LISTEN_SECONDS / len(self._work)):
                    self._take_in(name, work, message)
            except RunError as error:
                work.pool.stop()
                self._studies.set_aside(name, str(error))
                self._ended(name)
                continue
            if not work.pool.running:
                work.pool.stop()
                self._studies.succeeded(name)
                goes_on = work.ends and self._studies.is_open(name)
                self._log("makes room for others" if goes_on else "nothing is left to do", name)
                self._ended(name)

    def _ended(self, name: str) -> None:
        del self._work[name]
        self._look_at = 0.0

    def _take_in(self, name: str, work: _Work, message: dict[str, object]) -> None:
        if message["kind"] == "note":
            self._log(str(message["text"]), name)
        elif message["kind"] == "failed":
            self._log(work.failures.line(message), name)
        elif message["kind"] == "outage":
            at = message["at"]
            self._outages(str(message["text"]), at if isinstance(at, float) else None)
        elif message["kind"] == "lost":
            self._log(str(message["text"]), name)
