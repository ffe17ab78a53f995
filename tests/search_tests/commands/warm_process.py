"""Commands in processes of their own that need not import everything again.

Importing torch and optuna takes longer than most commands. So one process imports all that the service is,
and forks itself for each command: arguments, folder, environment, output and exit code are those of
`python -m search`. The workers that a launch spawns are forks too (`warm_children`); those of
`Workplace.start` are as cold as a person's.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.search_tests.commands.warm_children import prepare_children

ROOT = Path(__file__).parents[3]
_BEGINNING_SECONDS = 120.0


class WarmCommand:
    """`warmboot ARGUMENTS`, begun in a process and a session of its own."""

    def __init__(self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> None:
        self.arguments = arguments
        self._files = contextlib.ExitStack()
        self._out, self._err = (self._files.enter_context(_file_in_memory()) for _ in range(2))
        status, status_end = os.pipe()
        self._status = self._files.enter_context(os.fdopen(status, encoding="ascii"))
        numbers = (self._out.fileno(), self._err.fileno(), status_end)
        request = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
            "output": [f"/proc/{os.getpid()}/fd/{number}" for number in numbers],
        }
        print(json.dumps(request), file=_server().stdin, flush=True)
        assert _is_readable(self._status, _BEGINNING_SECONDS), "the process that begins commands is gone"
        self.process_id = int(self._status.readline())
        os.close(status_end)

    def poll(self) -> int | None:
        """None while it runs; what its end was, `result` tells."""
        return 0 if _is_readable(self._status, 0.0) else None

    def said(self) -> str:
        """What it has printed so far, for people."""
        return os.pread(self._err.fileno(), os.fstat(self._err.fileno()).st_size, 0).decode()

    def kill_all(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the command and all that it has started."""
        os.killpg(self.process_id, number)

    def result(self, timeout_seconds: float) -> subprocess.CompletedProcess[str]:
        """Wait for its end.

        Raises:
            TimeoutError: it takes longer, and was killed.
        """
        in_time = _is_readable(self._status, timeout_seconds)
        if not in_time:
            self.kill_all()
        with self._files:
            code, out, err = int(self._status.readline()), _read(self._out), _read(self._err)
        if not in_time:
            raise TimeoutError(f"{self.arguments} took more than {timeout_seconds} s\n{out}\n{err}")
        return subprocess.CompletedProcess(list(self.arguments), code, out, err)


def _file_in_memory() -> IO[bytes]:
    return os.fdopen(os.memfd_create("output"), "rb")


def _is_readable(pipe: IO[str], timeout_seconds: float) -> bool:
    return bool(select.select([pipe], [], [], timeout_seconds)[0])


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@functools.cache
def _server() -> Any:
    server = subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # a pool of threads would not survive the fork
        stdin=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    """For each line of stdin a command, whose process id, and exit code once it has ended, are told."""
    for line in sys.stdin:
        request = json.loads(line)
        if os.fork() == 0:
            _begin_and_tell(request)
            return
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _begin_and_tell(request: Mapping[str, Any]) -> None:
    status = os.open(request["output"].pop(), os.O_WRONLY)
    pid = os.fork()
    if pid == 0:
        os.close(status)
        _become(request)
        return
    os.write(status, f"{pid}\n".encode())
    _, ended = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os._exit(0)


def _become(request: Mapping[str, Any]) -> None:
    """The process that was asked for; its end is that of `python -m search`."""
    os.setsid()
    for number, path, flags in zip((0, 1, 2), ("/dev/null", *request["output"]), (0, 1, 1), strict=True):
        os.dup2(os.open(path, flags), number)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["warmboot", *request["arguments"]]
    sys.path[0] = request["folder"]
    # Workers are spawned, and would import this file as their main module.
    main = sys.modules["__main__"]
    main.__spec__ = None
    main.__dict__.pop("__file__", None)
    prepare_children(2 if {"launch", "worker"}.intersection(request["arguments"]) else 0)
    from search.entry import main as command

    command()


def _import_the_service() -> None:
    import optuna
    import torch  # noqa: F401

    import search

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(storage="sqlite://")  # imports what opening a database needs
    for module in pkgutil.walk_packages(search.__path__, "search."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.collect()
    gc.freeze()  # a fork need not copy what a collection would touch


if __name__ == "__main__":
    _import_the_service()
    _serve()
