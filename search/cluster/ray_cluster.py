"""`RayCluster`: the cluster that a launch uses, its nodes, and calls on them. Ray is imported here alone."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.errors import RunError, UsageError
from search.processes.cores import usable_cores
from warmboot.extras import missing_text
from warmboot.service_process import HeldProcess, called

NODE_ANSWERS_WITHIN_SECONDS = 120.0
"""A node that has just been started imports Python and this package first."""
ANSWERS_WITHIN_SECONDS = 5.0


@dataclass(frozen=True)
class Node:
    """One machine of a cluster, or a part of one that Ray counts as a node."""

    id: str
    host: str
    address: str
    cpus: float
    gpus: float


class RayCluster:
    """A connection to a cluster of Ray, made by `connect`.

    Args:
        address: as `ray.init` takes it; None: the cluster that this machine is part of, else a new one of
            this machine alone, which ends with `close`.

    Raises:
        UsageError: Ray is not installed.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address
        try:
            import ray
        except ImportError as error:
            raise UsageError(missing_text(error, "--engine ray")) from None
        self._ray = ray

    def connect(self, folder: Path | None = None) -> None:
        """Connect, anew where that has been done before.

        Args:
            folder: sent to every node; what runs there begins in its copy.

        Raises:
            UsageError: no cluster answers at the address.
            RunError: the folder can't be sent.
        """
        self.close()
        environment = {} if folder is None else {"working_dir": str(folder)}
        address = self._address or os.environ.get("RAY_ADDRESS")
        if address is not None and not answers(address):
            raise UsageError(
                f"--address: no Ray cluster answers at {address}; start one with: ray start --head --port "
                "6379, or name none (nor $RAY_ADDRESS) to use this machine alone."
            )
        with _handlers_kept(), _told(folder):
            if address is not None:
                self._init(environment, address=address)
            elif running_here():
                self._init(environment, address="auto")
            else:
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
                self._init(environment, address="local", num_cpus=usable_cores(), include_dashboard=False)

    def close(self) -> None:
        """Leave the cluster; what this process has started in it ends."""
        if self._ray.is_initialized():
            self._ray.shutdown()

    def nodes(self) -> list[Node]:
        """Those that are alive."""
        return [
            Node(
                node["NodeID"],
                node["NodeManagerHostname"],
                node["NodeManagerAddress"],
                node["Resources"].get("CPU", 0.0),
                node["Resources"].get("GPU", 0.0),
            )
            for node in self._ray.nodes()
            if node["Alive"]
        ]

    def call_on(self, nodes: Sequence[Node], call: bytes) -> list[Any]:
        """What a call of the service's gives on each of some nodes, beside all that they do.

        Args:
            nodes: of this cluster.
            call: from `warmboot.service.pickled_call`.

        Raises:
            UsageError: Warmboot is not installed there.
        """
        strategy = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        remote = self._ray.remote(called)
        answers = [
            remote.options(num_cpus=0, scheduling_strategy=strategy(node.id, soft=False)).remote(call)
            for node in nodes
        ]
        return self._answers(answers, NODE_ANSWERS_WITHIN_SECONDS)

    def call_anywhere(self, call: bytes, **resources: Any) -> Any:
        """The same once, where there is room for it."""
        return self._answers([self._ray.remote(called).options(**resources).remote(call)], None)[0]

    def hold(self, call: bytes, environment: dict[str, str | None], **options: Any) -> Any:
        """An actor that holds a process (`HeldProcess`), begun again whenever it or its node dies."""
        actor = self._ray.remote(HeldProcess)
        lasting = actor.options(max_restarts=-1, max_task_retries=-1, max_concurrency=2, **options)
        return lasting.remote(call, environment)

    def answer(self, reference: Any, timeout_seconds: float | None = None) -> Any:
        """The value of a call; raises `TimeoutError` where it takes longer, and what Ray raises."""
        return self._ray.get(reference, timeout=timeout_seconds)

    def kill(self, actor: Any) -> None:
        """End an actor for good."""
        with contextlib.suppress(Exception):  # the cluster itself may be gone
            self._ray.kill(actor, no_restart=True)

    def _init(self, environment: dict[str, str], **arguments: Any) -> None:
        self._ray.init(
            runtime_env=environment or None, log_to_driver=False, logging_level="ERROR", **arguments
        )
        # What Ray tells of its own goes to stdout, which is for data, and has no public switch.
        self._ray._private.worker._worker_logs_enabled = False

    def _answers(self, references: list[Any], timeout_seconds: float | None) -> list[Any]:
        try:
            return list(self._ray.get(references, timeout=timeout_seconds))
        except self._ray.exceptions.GetTimeoutError:
            raise RunError(
                f"--engine ray: a node of the cluster did not answer in {timeout_seconds:.0f} s; see: "
                "ray status"
            ) from None
        except self._ray.exceptions.RayError as error:
            if "No module named 'warmboot'" not in str(error) and "Can't get attribute" not in str(error):
                raise RunError(f"--engine ray: a node can't be used: {_last_line(error)}") from error
            raise UsageError(
                "--engine ray: Warmboot is not installed on every node of the cluster, or in another "
                "version; install it there as here: pip install 'warmboot[search,ray]'"
            ) from None


def running_here() -> bool:
    """Whether this machine is part of a cluster that answers.

    Ray leaves the address in a file, which stays behind where a cluster was not stopped by its command; Ray
    itself would wait for such a one for ever.
    """
    file = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
    try:
        return answers(file.read_text().strip())
    except OSError:
        return False


def answers(address: str) -> bool:
    """Whether anything listens there; of an address without a port, as `auto`, Ray has to find out."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        return True
    try:
        with socket.create_connection((host, int(port)), ANSWERS_WITHIN_SECONDS):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself; here it hands trials back."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # not the main thread, where Ray has let it be too
            signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _told(folder: Path | None) -> Iterator[None]:
    """Errors of connecting, in a line."""
    try:
        yield
    except ConnectionError as error:
        raise RunError(
            f"--engine ray: {_last_line(error)} If it asks for a token, as a cluster does where there is "
            "one in ~/.ray/auth_token: have the same file here, and set RAY_AUTH_MODE=token."
        ) from error
    except Exception as error:
        if folder is None:
            raise UsageError(f"--engine ray: {_last_line(error)}") from error
        raise RunError(
            f"{folder} can't be sent to the cluster: {_last_line(error)} Leave data out of it with a file "
            ".rayignore, or put the folder where every node sees it."
        ) from error


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{(lines[-1] if lines else type(error).__name__).strip().rstrip('.')}."
