"""`FunctionLauncher`: hands runs to the long-lived process of a function, and replaces it after a failure."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from search.scripts import reasons
from search.scripts.bounded_log import BoundedLog
from search.scripts.guardian import start_guardian
from search.scripts.launcher import (
    CannotStartError,
    Ended,
    Execution,
    ended_badly,
    rose,
    script_environment,
)
from search.scripts.out_of_memory import count_oom_kills
from search.scripts.process_group import ProcessGroup
from search.scripts.script_run import ScriptRun
from warmboot.function_host import RESULT


class FunctionLauncher:
    """Starts runs of a function proxy in one process, which lives until a run fails in it.

    The process finds modules where this one does.

    Args:
        train: `package.module:function`, marked with `function_proxy`.
        device: what the function is told to train on.
        pickled: a file with the function by value, where no process can import it.
        environment: set for the process besides this one's own, `CUDA_VISIBLE_DEVICES` for example.
    """

    def __init__(
        self,
        train: str,
        *,
        device: str,
        pickled: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._arguments = [train, device, *([] if pickled is None else [pickled])]
        modules = os.pathsep.join(path for path in sys.path if path)
        self._environment = script_environment({"PYTHONPATH": modules, **(environment or {})})
        self._host: ProcessGroup | None = None

    def start(self, run: ScriptRun, trial_path: Path) -> Execution:
        log = BoundedLog(trial_path.parent / "output.log")
        try:
            if self._host is None or self._host.poll() is not None:
                self.close()
                self._host = self._started(log)
            self._host.begin(log)
            self._host.write_line(str(trial_path))
        except OSError as error:
            raise CannotStartError(reasons.can_not_start(sys.executable, error)) from None
        return _FreeExecution(self, self._host, trial_path.with_name(RESULT))

    def close(self, grace_seconds: float | None = None) -> None:
        if self._host is not None:
            self._host.end(grace_seconds)
            self._host = None

    def _started(self, log: BoundedLog) -> ProcessGroup:
        start_guardian()
        # -P: the folder in which the service was started is no place to import from
        command = [sys.executable, "-P", "-m", "warmboot.function_host", *self._arguments]
        return ProcessGroup(command, log=log, environment=self._environment, with_input=True)


class _FreeExecution:
    def __init__(self, launcher: FunctionLauncher, host: ProcessGroup, result: Path) -> None:
        self._launcher, self._host, self._result = launcher, host, result
        self._oom_kills = count_oom_kills()
        self._ended_well = False

    @property
    def last_output_at(self) -> float:
        return self._host.last_output_at

    def poll(self) -> Ended | None:
        code = self._host.poll()
        if self._result.exists():
            self._host.poll()  # what was printed before the result was written
            failure = json.loads(self._result.read_text(encoding="utf-8"))["failure"]
            self._ended_well = failure is None
            return Ended(output=self.tail()) if failure is None else self._failed(failure)
        if code is None:
            return None
        oom_killed = rose(self._oom_kills, count_oom_kills())
        return ended_badly(code, self._host.log, oom_killed=oom_killed)

    def tail(self) -> str:
        return self._host.log.tail()

    def end(self, grace_seconds: float | None = None) -> None:
        if not self._ended_well:
            self._launcher.close(grace_seconds)

    def _failed(self, traceback_text: str) -> Ended:
        output = f"{self.tail()}\n{traceback_text}".strip()
        return Ended(failure=reasons.raised(traceback_text), output=output)
