"""`RayEngine`: the workers of a launch as actors in a Ray cluster, each placed where there is room for it.

An actor holds a process that runs what a worker of this machine runs. The study, its storage and its leases
are the same, so the launch may die and be started again like any other.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

from search.cluster.code_home import CodeHome, code_home, is_there
from search.cluster.ray_cluster import Node, RayCluster
from search.cluster.ray_worker import RayWorker
from search.cluster.reachable import storage_everywhere
from search.errors import UsageError
from search.launch.checks import WantedStudy, located_from
from search.launch.engine import LaunchOptions
from search.launch.way import NewWay, new_way
from search.messages import Say
from search.proxies.registry import AnyProxy, declared_proxy
from search.spec.proxy import DeclaredProxy
from search.spec.study import StudySpec
from search.storage.address import is_sqlite, sqlite_path
from search.worker.process import WorkerTask, run_worker
from warmboot.service import pickled_call

THREADS_VARIABLE = "OMP_NUM_THREADS"
"""Ray sets it to the CPUs that an actor asks for; a script has as many threads as it would have had here."""


@dataclass(frozen=True)
class Needs:
    """What a worker takes of a node."""

    cpus: int = 1
    gpus: int = 0
    alone: bool = False
    """Whether a node has one of them at most, as a script whose cores are not known."""

    def room_on(self, node: Node) -> int:
        """How many workers the node has room for.

        >>> Needs(gpus=2).room_on(Node("a", "host", "10.0.0.1", cpus=8, gpus=5))
        2
        >>> Needs(alone=True).room_on(Node("a", "host", "10.0.0.1", cpus=8, gpus=0))
        1
        """
        room = int(node.cpus // self.cpus)
        if self.gpus:
            room = min(room, int(node.gpus // self.gpus))
        return min(room, 1) if self.alone else room


class RayEngine:
    """Workers in a Ray cluster. Use as a context manager: leaving ends them.

    Args:
        options: of the launch.
        address: of the cluster; None: the one this machine is part of, else this machine alone.
        ship: whether the folder of a study's code is sent to the nodes; None: where they do not see it.
    """

    trains_here = False

    def __init__(self, options: LaunchOptions, address: str | None = None, ship: bool | None = None) -> None:
        if options.gpus is not None:
            raise UsageError(
                "--gpus names GPUs of this machine, and Ray places workers on all that its nodes have; leave "
                "it out, or say how many with --workers."
            )
        if options.device not in ("auto", "cpu", "cuda"):
            raise UsageError(
                f"--device: got {options.device!r}; with --engine ray accepted are auto, cpu, cuda"
            )
        self._options, self._ship, self._shipped = options, ship, False
        self._cluster = RayCluster(address)
        self._nodes: list[Node] = []
        self._needs = Needs()
        self._said: set[str] = set()
        self.device = "cpu"

    def __enter__(self) -> RayEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.close()

    @property
    def new_way(self) -> NewWay:
        return self._new_way_there

    def begin(self, want: WantedStudy, say: Say) -> None:
        self._say = say
        self._cluster.connect()
        self._nodes = self._cluster.nodes()
        storage_everywhere(self._options.storage, {node.host for node in self._nodes})
        if self._options.device == "auto":
            self.device = "cuda" if any(node.gpus for node in self._nodes) else "cpu"
        else:
            self.device = self._options.device
        home = code_home(located_from(want.spec, want.home))
        if home is not None:
            self._bring(home)

    def tasks(self, spec: StudySpec, of_all: WorkerTask) -> list[WorkerTask]:
        self._needs = needs = self._needs_of(spec)
        room = self._options.workers or self._room()
        if not room:
            has = ", ".join(f"{node.host} {node.cpus:g} CPUs and {node.gpus:g} GPUs" for node in self._nodes)
            raise UsageError(
                f"--engine ray: no node has room for a worker, which takes {needs.cpus} CPU and {needs.gpus} "
                f"GPUs; there are {has or 'none'}. Where nodes come when they are asked for, say how many "
                "workers there are to be with --workers."
            )
        return [self._task(of_all)] * room

    def more_tasks(self, spec: StudySpec, of_all: WorkerTask, there_are: int) -> list[WorkerTask]:
        if self._options.workers is not None:
            return []
        self._nodes = self._cluster.nodes()
        more = max(0, self._room() - there_are)
        if more:
            self._say(f"the cluster has grown: {more} workers more")
        return [self._task(of_all)] * more

    def start(self, task: WorkerTask) -> RayWorker:
        actor = self._cluster.hold(
            pickled_call(run_worker, task),
            {THREADS_VARIABLE: os.environ.get(THREADS_VARIABLE)},
            **self._resources(self._needs),
            scheduling_strategy="SPREAD",
        )
        return RayWorker(self._cluster, actor, self._said)

    def _task(self, of_all: WorkerTask) -> WorkerTask:
        storage = self._options.storage
        if is_sqlite(storage):  # a node's processes begin in a folder of their own
            storage = storage.set(database=str(sqlite_path(storage).absolute()))
        address = storage.render_as_string(hide_password=False)
        return replace(of_all, storage_address=address, elsewhere=True, shipped=self._shipped)

    def _room(self) -> int:
        return sum(self._needs.room_on(node) for node in self._nodes)

    def _needs_of(self, spec: StudySpec) -> Needs:
        on_gpu = self.device == "cuda"
        gpus = getattr(spec.proxy, "gpus_per_trial", 1) if on_gpu else 0
        return Needs(gpus=gpus, alone=spec.proxy_kind != "declared" and not on_gpu)

    def _resources(self, needs: Needs) -> dict[str, Any]:
        resources: dict[str, Any] = {"num_cpus": needs.cpus, "num_gpus": needs.gpus}
        if is_sqlite(self._options.storage):  # a node that comes later may be of another machine
            resources["resources"] = {f"node:{self._nodes[0].address}": 0.001}
        return resources

    def _bring(self, home: CodeHome) -> None:
        """See that every node has the code, by sending it where that is needed, and say which."""
        ship = self._ship
        if ship is None:
            look = pickled_call(is_there, str(home.folder), dict(home.hashes))
            ship = not all(self._cluster.call_on(self._nodes, look))
        if ship:
            self._cluster.connect(home.folder)
            self._say(
                f"{home.folder} is sent to the cluster, without what its .gitignore or .rayignore names"
            )
        else:
            self._say(f"{home.folder} is shared: the cluster's nodes see it")
        self._shipped = ship

    def _new_way_there(
        self, spec: StudySpec, proxy: AnyProxy | None, place: str, device: str, say: Say
    ) -> dict[str, Any] | None:
        if proxy is None:
            return None
        call = pickled_call(way_there, spec, place, device)
        way, lines, problem = self._cluster.call_anywhere(call, **self._resources(self._needs_of(spec)))
        if problem is not None:
            raise UsageError(problem)
        for line in lines:
            say(line)
        return None if way is None else dict(way)


def way_there(
    spec: StudySpec, place: str, device: str
) -> tuple[dict[str, Any] | None, list[str], str | None]:
    """`new_way` on a node: the way, what was said, and what is wrong, as plain data."""
    assert isinstance(spec.proxy, DeclaredProxy)
    lines: list[str] = []
    try:
        proxy = declared_proxy(spec.proxy.name, spec.proxy.arguments)
        return new_way(spec, proxy, place, device, lines.append), lines, None
    except (UsageError, ValueError, ImportError) as error:
        return None, lines, str(error)
