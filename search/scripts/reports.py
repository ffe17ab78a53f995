"""`ReportReader`: the reports of a run as they come in, held to the rules."""

from __future__ import annotations

from pathlib import Path

from warmboot.trial_files import Report, TrialFileError, parse_report

LONGEST_LINE_BYTES = 64 * 1024
_READ_BYTES = 1 << 20


class ReportReader:
    """Reads what was appended to a file of reports since the last look.

    Args:
        path: the file; it may not be there yet.
        total_steps: no report lies past it.
        objective: the metric that every report has to hold.
    """

    def __init__(self, path: Path, *, total_steps: int, objective: str) -> None:
        self._path, self._total_steps, self._objective = path, total_steps, objective
        self._offset = 0
        self._rest = b""
        self._last_step = -1

    def new(self) -> tuple[list[Report], str | None]:
        """The reports that are new, in order, up to the first that breaks a rule, and what it breaks."""
        found: list[Report] = []
        for line in self._new_lines():
            report = self._parsed(line)
            problem = report if isinstance(report, str) else self._problem(report)
            if problem is not None:
                return found, problem
            assert isinstance(report, Report)
            self._last_step = report.step
            found.append(report)
        return found, None

    def _new_lines(self) -> list[bytes]:
        try:
            with open(self._path, "rb") as stream:
                stream.seek(self._offset)
                data = stream.read(_READ_BYTES)
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [*lines, self._rest] if len(self._rest) > LONGEST_LINE_BYTES else lines

    def _parsed(self, line: bytes) -> Report | str:
        if len(line) > LONGEST_LINE_BYTES:
            return f"a report has over {LONGEST_LINE_BYTES:,} bytes; report a few numbers"
        text = line.decode(errors="replace")
        try:
            return parse_report(text)
        except TrialFileError as error:
            return f"{'; '.join(error.problems)}, in {text[:200]!r}; call warmboot.report(step, val=...)"

    def _problem(self, report: Report) -> str | None:
        step = report.step
        if step == self._last_step:
            return f"step {step} was reported twice; give all metrics of a step in one call"
        if step < self._last_step:
            return f"step {step} was reported after step {self._last_step}; steps must rise, from one process"
        if step > self._total_steps:
            return (
                f"step {step} lies past the horizon of {self._total_steps} optimizer steps; hand "
                "{total_steps} to the script"
            )
        if self._objective not in report.metrics:
            return (
                f"step {step} has {', '.join(sorted(report.metrics))} but not the study's objective "
                f"{self._objective}; give it in every report, or name another objective in the study file"
            )
        return None
