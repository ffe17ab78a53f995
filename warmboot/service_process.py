"""Processes of the service's: spawned here, and held here for somebody on another machine.

It needs nothing but Python's own library, so that a cluster can hold a worker in a process that costs little.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import socket
import sys
import uuid
from collections.abc import Iterator, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from warmboot.service import call_as_service, claim_name

GONE = "gone"
"""Kind of the last message of a held process: it has ended, with this `exit_code`."""


def spawned(call: bytes) -> tuple[BaseProcess, Connection]:
    """A fresh Python that makes a call, with its end of a connection behind the arguments; and the other end.

    Args:
        call: from `warmboot.service.pickled_call`.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=call_as_service, args=(call, theirs), daemon=True)
    with main_left_alone():
        process.start()
    theirs.close()
    return process, ours


@contextlib.contextmanager
def main_left_alone() -> Iterator[None]:
    """A process that is started inside does not run the script or module that this one was started with.

    `multiprocessing` would, and a person's script that calls `warmboot.launch` would launch again there.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def called(call: bytes) -> Any:
    """What a call of the service's gives in this process, which may be any."""
    claim_name()
    function, arguments = pickle.loads(call)
    return function(*arguments)


class HeldProcess:
    """A process of the service's, and what it says and is told, for an owner on another machine.

    Args:
        call: what it does.
        environment: variables that it gets; None stands for one that it must not have.
    """

    def __init__(self, call: bytes, environment: Mapping[str, str | None]) -> None:
        for name, value in environment.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        self._life, self._is_known = uuid.uuid4().hex, False
        self._process, self._connection = spawned(call)

    def listen(self, timeout_seconds: float) -> tuple[str, str, list[dict[str, Any]]]:
        """What it has said since: this object's own word, the machine's name, and the messages.

        The word is another one once a cluster has made this object anew; it is told at once.

        Args:
            timeout_seconds: how long to wait for a first message.
        """
        messages: list[dict[str, Any]] = []
        timeout_seconds, self._is_known = timeout_seconds if self._is_known else 0, True
        try:
            while self._connection.poll(0 if messages else timeout_seconds):
                messages.append(self._connection.recv())
        except (EOFError, OSError):
            self._process.join()
            messages.append({"kind": GONE, "exit_code": self._process.exitcode})
        return self._life, socket.gethostname(), messages

    def tell(self, word: str) -> None:
        """Say something to it; nothing happens where it has ended."""
        with contextlib.suppress(OSError):
            self._connection.send(word)
