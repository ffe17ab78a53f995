"""The process in which a function proxy lives: `python -m warmboot.function_host module:train DEVICE`.

With a third argument, a file, the function is the one that is pickled there.

It reads the path of one trial file a line from its input, trains that run, and writes `result.json` beside
the trial file: `{"failure": null}`, or what went wrong. After a failure it is not used again. It ends when
its input does, which is when the worker that started it is gone.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import traceback
from pathlib import Path

from warmboot.function_proxies import Context, Train, load_function_proxy, unpickled
from warmboot.reporting import StopTraining
from warmboot.service import lend_name
from warmboot.trial_files import VARIABLE, read_trial
from warmboot.watched_schedule import watched
from warmboot.whole_file import write_whole

RESULT = "result.json"
CALLED_EXIT = "it called sys.exit"
"""How the last line of a failure begins where the proxy ended its process itself."""


def main(reference: str, device: str, pickled: str = "") -> None:
    """Serve runs until the input ends."""
    lend_name()  # modules written for earlier versions import `search.scripts.free`
    paths = _paths_of(_private_input())
    train: Train | None = None
    while True:
        path = paths.get()
        failure: str | None
        try:
            train = train or (unpickled(pickled) if pickled else load_function_proxy(reference))
            failure = _run(train, path, device)
        except BaseException as error:  # the import of the user's module
            failure = _described(error)
        sys.stdout.flush()
        sys.stderr.flush()
        write_whole(path.with_name(RESULT), json.dumps({"failure": failure}))


def _run(train: Train, path: Path, device: str) -> str | None:
    """Train one run; why it failed, if it did."""
    os.environ[VARIABLE] = str(path)  # `warmboot.report` and `attach` work here too
    try:
        trial = watched(read_trial(path))
        train(trial.schedule, Context(trial, device))
    except StopTraining:
        return None
    except BaseException as error:  # `sys.exit` in a proxy ends the run, as any exception does
        return _described(error)
    return None


def _described(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"{traceback.format_exc()}{CALLED_EXIT}({error.code!r})"
    return traceback.format_exc()


def _private_input() -> int:
    """This process's input under another number; the proxy, and what it starts, finds an empty one."""
    private = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return private


def _paths_of(descriptor: int) -> queue.SimpleQueue[Path]:
    """The lines of the input as they come; the whole process ends with the input, even in a run."""
    paths: queue.SimpleQueue[Path] = queue.SimpleQueue()

    def read() -> None:
        with open(descriptor, encoding="utf-8") as stream:
            for line in stream:
                paths.put(Path(line.rstrip("\n")))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return paths


if __name__ == "__main__":
    main(*sys.argv[1:])
