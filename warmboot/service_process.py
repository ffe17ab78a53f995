"""Processes of the service's: spawned here, and held here for somebody on another machine or a batch system.

It needs nothing but Python's own library, so that a cluster can hold a worker in a process that costs little.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from warmboot.service import call_as_service, claim_name

GONE = "gone"
"""Kind of the last message of a held process: it has ended, with this `exit_code`."""
LOOK_SECONDS = 0.2
HANDING_BACK_SECONDS = 40.0
"""How long a worker has to hand its trials back; it takes 20 s at most."""
_ENDED_BY_SIGTERM = 128 + signal.SIGTERM


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


class HeldCommand:
    """A command line as a batch system runs it, which ends it gently when its time is over or its machine is
    wanted for something else, and begins it again later.

    Args:
        command: the words.
        again: what the batch system takes for another try, made of this object.
    """

    def __init__(self, command: Sequence[str], again: Callable[[HeldCommand], object]) -> None:
        self._command, self._again = list(command), again
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(self) -> int:
        """Run it; its exit code.

        Raises:
            RuntimeError: it failed, so that the batch system counts it as failed too.
        """
        self._process = subprocess.Popen(self._command)
        while (code := self._process.poll()) is None:  # no wait(), whose lock `checkpoint` would find taken
            time.sleep(LOOK_SECONDS)
        if code not in (0, _ENDED_BY_SIGTERM, -signal.SIGTERM):
            raise RuntimeError(f"warmboot worker ended with {code}; what it said is above")
        return code

    def checkpoint(self) -> object:
        """Have it hand back what it has; called in this process, in the middle of `__call__`."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            deadline = time.monotonic() + HANDING_BACK_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(LOOK_SECONDS)
            process.kill()
        return self._again(self)
