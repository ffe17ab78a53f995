"""`Supervision`: one run from its first look to its last event."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from search.runs.events import Admitted, Event, Remarked, TrainingFailed
from search.runs.run import Measurement
from search.scripts import reasons
from search.scripts.launcher import Ended, Execution
from search.scripts.reports import ReportReader
from search.scripts.script_run import STOP_GRACE_SECONDS, Limits, ScriptRun
from warmboot.following import least_last_step
from warmboot.trial_files import Report

MIDDLE_REPORTS = 200
"""Of a run's reports before its last, so many are passed on at most, besides those it was asked for.

Each of them is written to the database, and a script that reports every step makes them faster than that.
"""
SIGNALLED_TOO_SECONDS = 1.0


class Supervision:
    """Turns what a run reports, and how it ends, into events; `look` has to be called until it is over.

    Args:
        run: what is trained.
        execution: the processes that train it; ending them is the caller's.
        folder: the run's, with its trial file's reports.
        objective: the metric of the study.
        limits: how long it may take.
        events: receives every event.
        known_bytes: size of what earlier processes of the run have reported.
    """

    def __init__(
        self,
        run: ScriptRun,
        execution: Execution,
        folder: Path,
        *,
        objective: str,
        limits: Limits,
        events: queue.SimpleQueue[Event],
        known_bytes: int = 0,
    ) -> None:
        files = run.trial_file(folder)
        self._run, self._execution, self._events = run, execution, events
        self._reader = ReportReader(
            files.reports, total_steps=run.total_steps, objective=objective, known_bytes=known_bytes
        )
        self._stop_file, self._remark_file = files.stop, files.remark
        self._objective, self._limits = objective, limits
        self._started_at = self._last_report_at = time.monotonic()
        self._asked_to_end_at: float | None = None
        self._ended_at: float | None = None
        self._untrained: Mapping[str, float] | None = None  # None until the run was admitted
        self._latest: Measurement | None = None
        self._passed_part = -1  # of `MIDDLE_REPORTS` equal parts of the horizon
        self._final: Measurement | None = None  # what a run that was asked to end sends when it has
        self._withdrawing = False
        self._remarked = set[str]()

    @property
    def cancelled(self) -> bool:
        """Whether the run was cancelled before it had its last measurement; it has sent no last event."""
        return self._withdrawing and self._final is None

    def cancel(self) -> None:
        """Ask the script to end; it is over soon, and only a report at the horizon is still passed on.

        A run that has made that report, or has diverged, goes on to its end as if not asked.
        """
        done = self._latest is not None and self._latest.step == self._run.total_steps
        if self._final is None and not done:
            self._withdrawing = True
            self._ask_to_end()

    def _ask_to_end(self) -> None:
        """Let the script's next report raise `StopTraining`."""
        if self._asked_to_end_at is None:
            self._stop_file.touch()
            self._asked_to_end_at = time.monotonic()

    def look(self) -> bool:
        """Take in what is new; whether the run is over and its last event sent, unless it is `cancelled`."""
        ended = self._execution.poll()  # before the reports, so that after the end all of them are read
        reports, problem = self._reader.new()
        for report in reports:
            failure = self._take_in(report)
            if failure is not None:
                return self._fail(failure)
        self._remark()
        if problem is not None and self._asked_to_end_at is None:
            return self._fail(reasons.bad_report(problem))
        if ended is not None and (self._reader.is_behind or self._is_to_hear_too(ended)):
            return False  # what it has reported last is still to be read, or it was no failure
        return self._judge_end(ended) if ended is not None else self._judge_time()

    def _is_to_hear_too(self, ended: Ended) -> bool:
        """Whether this process may hear in a moment that it is to end as well: then the run is handed back.

        A batch system signals all processes of a job, and the script may be the first to act on it: it is
        ended, or has saved what it has and ended well, short of its horizon.
        """
        self._ended_at = time.monotonic() if self._ended_at is None else self._ended_at
        saved = ended.failure is None and self._is_short
        return (ended.asked or saved) and time.monotonic() - self._ended_at < SIGNALLED_TOO_SECONDS

    @property
    def _is_short(self) -> bool:
        """Whether its last report is too early to be a result; one that never reported is not meant."""
        return self._latest is not None and self._latest.step < least_last_step(self._run.total_steps)

    def _take_in(self, report: Report) -> str | None:
        """Pass a report on; returns why the run fails with it, if it does."""
        self._last_report_at = time.monotonic()
        if self._final is not None:  # what comes after that says nothing
            return None
        value = report.metrics[self._objective]
        if self._withdrawing:
            if math.isfinite(value) and report.step == self._run.total_steps:
                self._final = self._measurement(report, last=True)
            return None
        if not math.isfinite(value):
            return self._diverged(report.step, value)
        measurement = self._measurement(report)
        self._admit(measurement.metrics if report.step == 0 else {})
        if report.step > 0:
            self._measured(measurement)
        return None

    def _remark(self) -> None:
        if self._reader.remark is not None and "reports" not in self._remarked:
            self._remarked.add("reports")
            self._events.put(Remarked(self._run.key, "reports", self._reader.remark))
        if "lr" not in self._remarked and self._remark_file.exists():
            self._remarked.add("lr")
            self._events.put(Remarked(self._run.key, "lr", self._remark_file.read_text(encoding="utf-8")))

    def _measurement(self, report: Report, *, last: bool = False) -> Measurement:
        metrics = {name: number for name, number in report.metrics.items() if math.isfinite(number)}
        return Measurement(key=self._run.key, step=report.step, metrics=metrics, last=last)

    def _admit(self, untrained: Mapping[str, float]) -> None:
        if self._untrained is None:
            self._untrained = untrained
            self._events.put(Admitted(self._run.key, untrained))

    def _measured(self, measurement: Measurement) -> None:
        self._latest = measurement
        # The one at the horizon waits for the end of the script, which can still fail.
        if measurement.step < self._run.total_steps and self._is_passed_on(measurement.step):
            self._events.put(measurement)

    def _is_passed_on(self, step: int) -> bool:
        """The first in each part of the horizon, and those asked for: by steps, so the same every time."""
        part = step * MIDDLE_REPORTS // self._run.total_steps
        is_first, self._passed_part = part > self._passed_part, max(part, self._passed_part)
        return is_first or step in self._run.report_steps

    def _diverged(self, step: int, value: float) -> str | None:
        if step == 0:
            return reasons.untrained_not_finite(self._objective, value)
        if not self._untrained:
            return reasons.diverged_without_step_0(self._objective, step, value)
        self._final = Measurement(key=self._run.key, step=step, metrics={}, last=True, diverged_at_step=step)
        self._ask_to_end()
        return None

    def _judge_end(self, ended: Ended) -> bool:
        if self._asked_to_end_at is not None:
            return self._finish()
        if ended.failure is not None:
            return self._fail(ended.failure, ended.output)
        if self._latest is None:
            return self._fail(reasons.NEVER_REPORTED, ended.output)
        if self._is_short:
            short = reasons.stopped_short(self._latest.step, self._run.total_steps)
            return self._fail(short, ended.output)
        return self._finish()

    def _judge_time(self) -> bool:
        now, limits = time.monotonic(), self._limits
        if self._asked_to_end_at is not None:
            return now - self._asked_to_end_at > STOP_GRACE_SECONDS and self._finish()
        limit = limits.time_limit_seconds
        if limit is not None and now - self._started_at > limit:
            return self._fail(reasons.time_limit(limit))
        limit = limits.silence_limit_seconds
        if limit is not None and now - max(self._last_report_at, self._execution.last_output_at) > limit:
            return self._fail(reasons.silence_limit(limit))
        return False

    def _finish(self) -> bool:
        """Send the last measurement: the one it ends with, or the latest; none of one that is cancelled."""
        if self._final is not None:
            self._events.put(self._final)
        elif not self._withdrawing:
            assert self._latest is not None
            self._events.put(replace(self._latest, last=True))
        return True

    def _fail(self, reason: str, output: str | None = None) -> bool:
        tail = self._execution.tail() if output is None else output
        self._events.put(TrainingFailed((self._run.key,), reasons.with_tail(reason, tail)))
        return True
