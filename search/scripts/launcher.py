"""`Launcher` and `Execution`: what the trainer asks of whatever runs a run, and scripts as one kind of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from search.checkpoints.script_files import folder_for_command
from search.processes.ending_signals import ending_signals
from search.scripts import reasons
from search.scripts.bounded_log import BoundedLog
from search.scripts.command import fill_in
from search.scripts.guardian import start_guardian
from search.scripts.out_of_memory import count_oom_kills
from search.scripts.process_group import ProcessGroup
from search.scripts.script_run import ScriptRun
from search.scripts.worker_number import VARIABLE as WORKER_VARIABLE
from search.scripts.worker_number import free_port, worker_number
from warmboot.trial_files import VARIABLE

# What the service itself is told this way, a password perhaps among it, is nothing to a script.
_NOT_FOR_SCRIPTS = ("WARMBOOT_STORAGE", "WARMBOOT_SCHEDULE", VARIABLE)


class CannotStartError(Exception):
    """The run can't be started; the message is the reason."""


@dataclass(frozen=True)
class Ended:
    """A run has ended by itself; `failure` is None, or the reason, and `output` what it said last."""

    failure: str | None = None
    output: str = ""
    asked: bool = False
    """Whether a signal asked it to end that a whole job gets, this process among it."""


class Execution(Protocol):
    """A run in processes of its own."""

    @property
    def last_output_at(self) -> float:
        """When it last printed something, or began, by `time.monotonic()`."""
        ...

    def poll(self) -> Ended | None:
        """Take in what it printed; None while it runs. To be called a few times a second."""
        ...

    def tail(self) -> str:
        """The last 4 KB that it printed."""
        ...

    def end(self, grace_seconds: float | None = None) -> None:
        """End what may be left of it; nothing of a run that failed is left behind.

        `grace_seconds`: what it may take to save what it has; None: the usual.
        """
        ...


class Launcher(Protocol):
    """Starts runs, one at a time."""

    def start(self, run: ScriptRun, trial_path: Path) -> Execution:
        """Start a run whose trial file is written; its log goes beside it. Raises `CannotStartError`."""
        ...

    def close(self) -> None:
        """End what is kept from run to run."""
        ...


class CommandLauncher:
    """Starts the user's own script for each run.

    Args:
        command: with placeholders; see `search.scripts.command`.
        working_directory: None for this process's own.
        environment: set for the script besides this process's own, `CUDA_VISIBLE_DEVICES` for example.
    """

    def __init__(
        self,
        command: str,
        *,
        working_directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command, self._working_directory = command, working_directory
        self._environment = script_environment(environment or {})

    def start(self, run: ScriptRun, trial_path: Path) -> Execution:
        try:
            # A port is chosen when it is needed; a parameter of the study may have one of these names.
            of_this_start: dict[str, object] = {"port": free_port(), "run": trial_path.parent.name}
            if "{checkpoints}" in self._command:
                of_this_start["checkpoints"] = str(folder_for_command(trial_path.parent))
            words = fill_in(self._command, {**of_this_start, **run.placeholders})
        except ValueError as error:
            raise CannotStartError(f"can't be started: {error}".rstrip(".")) from None
        except OSError as error:  # the folder of {checkpoints}
            raise CannotStartError(reasons.can_not_start("{checkpoints}", error)) from None
        start_guardian()
        folder = self._working_directory
        if folder is not None and not folder.is_dir():
            raise CannotStartError(f"can't be started: working_directory {folder} is no folder")
        try:
            group = ProcessGroup(
                words,
                log=BoundedLog(trial_path.parent / "output.log"),
                environment={**self._environment, VARIABLE: str(trial_path)},
                working_directory=folder,
            )
        except OSError as error:
            raise CannotStartError(reasons.can_not_start(words[0], error)) from None
        return _ScriptExecution(group)

    def close(self) -> None:
        """Nothing is kept."""


class _ScriptExecution:
    def __init__(self, group: ProcessGroup) -> None:
        self._group = group
        self._oom_kills = count_oom_kills()

    @property
    def last_output_at(self) -> float:
        return self._group.last_output_at

    def poll(self) -> Ended | None:
        code = self._group.poll()
        if code is None:
            return None
        if code == 0:
            return Ended(output=self.tail())
        oom_killed = rose(self._oom_kills, count_oom_kills())
        return ended_badly(code, self._group.log, oom_killed=oom_killed)

    def tail(self) -> str:
        return self._group.log.tail()

    def end(self, grace_seconds: float | None = None) -> None:
        self._group.end(grace_seconds)


def ended_badly(exit_code: int, log: BoundedLog, *, oom_killed: bool) -> Ended:
    """The end of a process with an exit code other than 0, its own or a shell's, by what it has printed."""
    output = log.text()
    failure = reasons.bad_end(exit_code, output, oom_killed=oom_killed)
    asked = {signal.SIGINT, *ending_signals()}
    was_asked = -exit_code in asked or exit_code - 128 in asked
    return Ended(failure=failure, output=reasons.kept_output(output, log.tail()), asked=was_asked)


def environment_here() -> dict[str, str]:
    """This process's environment as a program of the user's gets it; what it prints arrives at once."""
    own = {name: value for name, value in os.environ.items() if name not in _NOT_FOR_SCRIPTS}
    return {"PYTHONUNBUFFERED": "1", **own}


def script_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """`environment_here` as a training gets it: with the number of this process, which is claimed by that."""
    return {**environment_here(), WORKER_VARIABLE: str(worker_number()), **extra}


def rose(before: int | None, after: int | None) -> bool:
    """Whether a count that may be unknown has grown."""
    return before is not None and after is not None and after > before
