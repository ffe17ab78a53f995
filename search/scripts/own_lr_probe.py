"""`OwnLrProbe`: the user's script, started once to learn the lr of its own optimizer, and ended at `attach`.

The script is started as for a trial, so what would fail a trial's start fails here, before there is any.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from search.errors import RunError
from search.scripts import reasons
from search.scripts.launcher import CannotStartError, Execution, Launcher
from search.scripts.reports import ReportReader
from search.scripts.script_run import STOP_GRACE_SECONDS, Limits, ScriptRun
from search.spec.own_lr import can_start_from
from warmboot.own_lr import read_own_lr
from warmboot.trial_files import TrialFile, TrialFileError, write_trial


class OwnLrProbe:
    """Starts the script; `look` has to be called a few times a second until it gives the lr.

    Leaving the context ends every process of the script.

    Args:
        launcher: starts the script.
        run: what a first trial would be; its schedule is not looked at.
        folder: for the files of this run.
        objective: the metric of the study.
        limits: how long the script may take until it calls `attach`.

    Raises:
        RunError: the script can't be started; the message says why.
    """

    def __init__(
        self, launcher: Launcher, run: ScriptRun, folder: Path, *, objective: str, limits: Limits
    ) -> None:
        self._files = replace(run.trial_file(folder), own_lr=folder / "own_lr")
        self._limits = limits
        self._reader = ReportReader(self._files.reports, total_steps=run.total_steps, objective=objective)
        self._execution = _started(launcher, run, self._files, folder / "trial.json")
        self._started_at = time.monotonic()
        self._learnt_at: float | None = None

    def __enter__(self) -> OwnLrProbe:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._execution.end()

    def look(self) -> float | None:
        """The lr, once the script has told it and has ended, or does not end soon; None before that.

        Raises:
            RunError: the script will not tell it, or tells one that no search can start from.
        """
        # In this order: what has ended writes no more, and what trains has told its lr before.
        ended = self._execution.poll()
        reports, problem = self._reader.new()
        own_lr = self._told()
        if own_lr is not None:
            return own_lr if ended is not None or self._is_late() else None
        if problem is not None:
            raise self._failed(reasons.bad_report(problem))
        if ended is not None:
            raise _failed(ended.failure or reasons.NEVER_ATTACHED, ended.output)
        if reports and reports[-1].step > 0:
            raise self._failed(reasons.trains_without_attach(reports[-1].step))
        self._check_time()
        return None

    def _told(self) -> float | None:
        assert self._files.own_lr is not None
        try:
            own_lr = read_own_lr(self._files.own_lr)
        except TrialFileError as error:
            raise self._failed(f"bad lr: {error}") from None
        if own_lr is not None and not can_start_from(own_lr):
            raise self._failed(reasons.bad_own_lr(own_lr))
        return own_lr

    def _is_late(self) -> bool:
        """Whether the script goes on for too long after it was told to end."""
        now = time.monotonic()
        self._learnt_at = now if self._learnt_at is None else self._learnt_at
        return now - self._learnt_at > STOP_GRACE_SECONDS

    def _check_time(self) -> None:
        now = time.monotonic()
        limit = self._limits.time_limit_seconds
        if limit is not None and now - self._started_at > limit:
            raise self._failed(reasons.time_limit(limit))
        limit = self._limits.silence_limit_seconds
        if limit is not None and now - self._execution.last_output_at > limit:
            raise self._failed(reasons.silence_limit(limit))

    def _failed(self, reason: str) -> RunError:
        return _failed(reason, self._execution.tail())


def _started(launcher: Launcher, run: ScriptRun, files: TrialFile, path: Path) -> Execution:
    write_trial(files, path)
    try:
        return launcher.start(run, path)
    except CannotStartError as error:
        raise _failed(str(error), "") from None


def _failed(reason: str, output: str) -> RunError:
    told = f"\nThe last output:\n{output}" if output else ""
    return RunError(
        f"{reason.rstrip('.')}.\nThe script was started once to read the lr of its optimizer, from "
        f'which the study searches (lr = "auto"); no trial was begun.{told}'
    )
