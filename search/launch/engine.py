"""Where the workers of a launch run: on this machine, or on those of a cluster (`search.cluster`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from sqlalchemy.engine import URL

from search.launch.checks import WantedStudy, resolve_device
from search.launch.placement import Placement, placements_for
from search.launch.spare_workers import SpareWorkers
from search.launch.started_worker import StartedWorker, start_here
from search.launch.way import NewWay, new_way
from search.messages import Say
from search.spec.study import StudySpec
from search.worker.process import WorkerTask


@dataclass(frozen=True, kw_only=True)
class LaunchOptions:
    """How to run a study. `None` takes what the study file or the machine gives."""

    storage: URL
    limit: Mapping[str, Any] = field(default_factory=dict)
    """Instead of the study file's; see `search.launch.asked_limit`."""
    workers: int | None = None
    device: str = "auto"
    gpus: tuple[str, ...] | None = None
    """One worker a GPU, or a group of `gpus_per_trial`; instead of `device`."""
    accept_change: bool = False
    """Whether a study with results goes on with another script; it keeps that."""


class Engine(Protocol):
    """Gives a launch its workers. `begin` is called first, and before anything is stored."""

    @property
    def device(self) -> str:
        """Of torch, on which the workers train."""

    @property
    def trains_here(self) -> bool:
        """Whether what is trained has to run on this machine."""

    @property
    def new_way(self) -> NewWay:
        """Tries out how a new study's runs are trained, where they will be."""

    def begin(self, want: WantedStudy, say: Say) -> None:
        """Make ready for a study.

        Raises:
            UsageError: it can't be worked on there.
        """

    def tasks(self, spec: StudySpec, of_all: WorkerTask) -> list[WorkerTask]:
        """A task for each worker that there is room for now.

        Args:
            spec: the study.
            of_all: what they have in common.

        Raises:
            UsageError: there is room for none.
        """

    def more_tasks(self, spec: StudySpec, of_all: WorkerTask, there_are: int) -> list[WorkerTask]:
        """Tasks of further workers, where there is room for more than `there_are` by now."""

    def start(self, task: WorkerTask) -> StartedWorker:
        """Begin a worker."""


@dataclass
class LocalEngine:
    """Workers are processes of this machine; `spares` wait for a task, the others are spawned."""

    options: LaunchOptions
    spares: SpareWorkers | None = None
    device: str = field(init=False, default="cpu")
    trains_here: bool = field(init=False, default=True)
    _places: list[Placement] = field(init=False, default_factory=list)

    @property
    def new_way(self) -> NewWay:
        return new_way

    def begin(self, want: WantedStudy, say: Say) -> None:
        gpus, workers = self.options.gpus, self.options.workers
        self.device = "cuda" if gpus is not None else resolve_device(self.options.device)
        self._places = placements_for(want.spec, device=self.device, gpus=gpus, workers=workers)

    def tasks(self, spec: StudySpec, of_all: WorkerTask) -> list[WorkerTask]:
        return [
            replace(of_all, device=place.device, visible_gpus=place.visible_gpus) for place in self._places
        ]

    def more_tasks(self, spec: StudySpec, of_all: WorkerTask, there_are: int) -> list[WorkerTask]:
        return []

    def start(self, task: WorkerTask) -> StartedWorker:
        return start_here(task, self.spares)
