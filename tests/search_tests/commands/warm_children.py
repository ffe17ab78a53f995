"""Worker processes that need not import everything again.

`multiprocessing` spawns a worker as a new Python, which imports for seconds what its parent has imported. A
command that is itself a fork of a process that has all of it can do better: before it begins, and is anything
but that fork, it forks some spare children. Where it would spawn a worker, a spare becomes it: a child of the
command, with the file descriptors and the first statement that the new Python would have been given.
"""

from __future__ import annotations

import ast
import fcntl
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import util
from typing import Any

_MARK = "--multiprocessing-fork"
_MOST_FDS = 16
_OUT_OF_THE_WAY = 200
"""From here on no descriptor lies that a worker is given."""


def prepare_children(n: int) -> None:
    """The next `n` processes that `multiprocessing` spawns here are forks of this one as it is now."""
    spares: list[_Spare] = []
    for _ in range(n):
        spares.append(_fork_spare(spares))
    spawn = util.spawnv_passfds

    def hand_over(path: Any, args: Sequence[Any], passfds: Sequence[Any]) -> int:
        if _MARK in args and spares:
            return spares.pop().become(args, passfds)
        return spawn(path, args, passfds)

    util.spawnv_passfds = hand_over


@dataclass(frozen=True)
class _Spare:
    process_id: int
    connection: socket.socket

    def become(self, args: Sequence[Any], passfds: Sequence[Any]) -> int:
        texts = [os.fsdecode(arg) for arg in args]
        numbers = [int(fd) for fd in passfds]
        message = repr((texts[texts.index("-c") + 1], numbers)).encode()
        with self.connection:
            socket.send_fds(self.connection, [message], numbers)
        return self.process_id


def _fork_spare(others: Sequence[_Spare]) -> _Spare:
    ours, theirs = socket.socketpair()
    process_id = os.fork()
    if process_id:
        theirs.close()
        return _Spare(process_id, ours)
    for connection in (ours, *(other.connection for other in others)):
        connection.close()
    _become_worker(theirs)
    raise SystemExit  # as Python does when its statement has ended


def _become_worker(connection: socket.socket) -> None:
    with connection:
        message, received, _, _ = socket.recv_fds(connection, 65536, _MOST_FDS)
    if not message:
        os._exit(0)  # the command has ended and spawned none
    statement, numbers = ast.literal_eval(message.decode())
    away = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY) for fd in received]
    for fd in received:
        os.close(fd)
    for fd, number in zip(away, numbers, strict=True):
        os.dup2(fd, number)
        os.close(fd)
    sys.argv = ["-c", _MARK]
    exec(statement, {})
