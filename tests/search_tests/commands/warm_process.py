"""Commands in processes of their own that need not import everything again.

Importing torch and optuna takes longer than most commands. So one process imports them, and forks itself for
each command: arguments, folder, environment, output and exit code are those of `python -m search`.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[3]


def run_warm(
    arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout_seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run `warmboot ARGUMENTS` to its end.

    Raises:
        TimeoutError: it takes longer, and was killed.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        request = {
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
            "output": [f"/proc/{os.getpid()}/fd/{file.fileno()}" for file in (out, err)],
        }
        code, in_time = _exit_code(_server(), request, timeout_seconds)
        texts = [_read(file) for file in (out, err)]
    if not in_time:
        raise TimeoutError(f"{arguments} took more than {timeout_seconds} s\n{texts[0]}\n{texts[1]}")
    return subprocess.CompletedProcess(list(arguments), code, *texts)


def _exit_code(server: Any, request: Mapping[str, Any], timeout_seconds: float) -> tuple[int, bool]:
    print(json.dumps(request), file=server.stdin, flush=True)
    pid = int(server.stdout.readline())
    late = threading.Event()

    def kill() -> None:
        late.set()
        os.killpg(pid, signal.SIGKILL)

    timer = threading.Timer(timeout_seconds, kill)
    timer.start()
    code = int(server.stdout.readline())
    timer.cancel()
    timer.join()
    return code, not late.is_set()


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
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    """Fork for each line of stdin; answer with the process's id, and its exit code once it has ended."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
            return
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


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
    from search.entry import main as command

    command()


if __name__ == "__main__":
    import optuna
    import torch  # noqa: F401

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(storage="sqlite://")  # imports what opening a database needs
    _serve()
