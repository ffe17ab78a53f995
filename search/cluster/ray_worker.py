"""`RayWorker`: a worker in a Ray cluster, as a `WorkerPool` deals with one of this machine.

A thread carries what it says from its actor into a connection. Whenever the actor or its node dies, Ray makes
it anew elsewhere, and the worker begins there again: the leases tell it what is left.
"""

from __future__ import annotations

import contextlib
import threading
import time
import traceback
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from search.cluster.ray_cluster import RayCluster
from search.launch.started_worker import Word
from warmboot.service_process import GONE

LISTEN_SECONDS = 5.0
WAITS_AFTER_SECONDS = 30.0


class RayWorker:
    """A worker in an actor.

    Args:
        cluster: the actor's.
        actor: holds the worker's process.
        said: what workers of this launch have said that one of them says for all.
    """

    def __init__(self, cluster: RayCluster, actor: Any, said: set[str]) -> None:
        self._cluster, self._actor, self._said = cluster, actor, said
        self.connection: Connection
        self.connection, self._theirs = Pipe()
        self._over, self._killed, self._waiting = threading.Event(), threading.Event(), threading.Event()
        self._waiting.set()
        self._exit_code: int | None = None
        self._life = ""
        self._thread = threading.Thread(target=self._carry, name="ray worker", daemon=True)
        self._thread.start()

    @property
    def exit_code(self) -> int | None:
        return self._exit_code

    @property
    def waits(self) -> bool:
        return self._waiting.is_set()

    def tell(self, word: Word) -> None:
        if not self._over.is_set():
            self._actor.tell.remote(word)

    def gone_within(self, seconds: float | None) -> bool:
        if seconds is not None and self.waits:
            return self._over.is_set()  # it has nothing that it could hand back
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def kill(self) -> None:
        self._killed.set()
        self._cluster.kill(self._actor)
        self._thread.join()

    def _carry(self) -> None:
        """Until it is gone, and the room that it took is free."""
        try:
            while not self._over.is_set():
                self._pass_on(*self._heard())
        except Exception as error:  # whatever Ray raises where the actor, or the cluster, is lost for good
            if not self._killed.is_set():
                self._fail(error)
        finally:
            self._over.set()
            self._theirs.close()
            self._cluster.kill(self._actor)

    def _heard(self) -> tuple[str, str, list[dict[str, Any]]]:
        listening = self._actor.listen.remote(LISTEN_SECONDS)
        while True:
            try:
                heard: tuple[str, str, list[dict[str, Any]]] = self._cluster.answer(
                    listening, WAITS_AFTER_SECONDS
                )
                return heard
            except TimeoutError:  # its node is gone, or has no room for it yet
                self._waiting.set()
                self._say_for_all("a worker waits for room in the cluster")

    def _pass_on(self, life: str, host: str, messages: list[dict[str, Any]]) -> None:
        if self._life and life != self._life:
            self._note(f"a worker was lost with its node; it begins again on {host}")
        self._life = life
        self._waiting.clear()
        for message in messages:
            if message["kind"] == GONE:
                self._exit_code = message["exit_code"]
                self._over.set()
                return
            if "at" in message:
                message["at"] = time.monotonic()  # by this machine's clock
            self._send(message)

    def _fail(self, error: Exception) -> None:
        text = str(error).strip().splitlines()
        message = (
            f"a worker in the Ray cluster is lost for good: {text[-1] if text else type(error).__name__}"
        )
        end = {"kind": "end", "outcome": "failed", "message": message, "traceback": traceback.format_exc()}
        self._send(end)

    def _say_for_all(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._note(text)

    def _note(self, text: str) -> None:
        self._send({"kind": "note", "text": text})

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            self._theirs.send(message)
