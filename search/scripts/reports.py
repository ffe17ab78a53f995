"""`ReportReader`: the reports of a run as they come in, held to the rules."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from warmboot.following import least_last_step
from warmboot.trial_files import Report, TrialFileError, parse_report

LONGEST_LINE_BYTES = 64 * 1024
_READ_BYTES = 1 << 20
_SAME = 1e-6
"""Two evaluations of the same weights on a GPU may differ by so much of their value."""


class ReportReader:
    """Reads what was appended to a file of reports since the last look.

    A step that is reported again with the same objective says nothing new and is left out. With another
    it breaks a rule; but not once a whole training was reported: then the run has its result, what follows is
    left out as well, and `remark` tells what it was. So an evaluation after the training, of the best
    checkpoint perhaps, costs no run.

    A training that goes on from a checkpoint redoes steps that an earlier process of it has reported. What
    was reported first stays, and `remark` tells where it comes out otherwise.

    Args:
        path: the file; it may not be there yet.
        total_steps: no report lies past it.
        objective: the metric that every report has to hold.
        known_bytes: size of what earlier processes have reported.
    """

    def __init__(self, path: Path, *, total_steps: int, objective: str, known_bytes: int = 0) -> None:
        self._path, self._total_steps, self._objective = path, total_steps, objective
        self._known_bytes, self._seen_bytes = known_bytes, 0
        self._known: dict[int, Mapping[str, float]] = {}
        self._offset = 0
        self._rest = b""
        self._last_step, self._last_metrics = -1, dict[str, float]()
        self.remark: str | None = None
        """Reports after the end of the training that say something new, in a sentence or two."""
        self._is_behind = False

    @property
    def is_behind(self) -> bool:
        """Whether the last look left something unread; the next one goes on there."""
        return self._is_behind

    def new(self) -> tuple[list[Report], str | None]:
        """The reports that are new, in order, up to the first that breaks a rule, and what it breaks."""
        found: list[Report] = []
        for line in self._new_lines():
            self._seen_bytes += len(line) + 1
            report = self._parsed(line)
            if isinstance(report, str):
                return found, report
            if self._is_redone(report) or self._is_repeat(report):
                continue
            if self._is_late(report):
                self._note_late(report)
                continue
            problem = self._problem(report)
            if problem is not None:
                return found, problem
            self._last_step, self._last_metrics = report.step, dict(report.metrics)
            found.append(report)
        return found, None

    def _is_redone(self, report: Report) -> bool:
        """Whether it tells of a step that an earlier process has left behind; notes what those reported."""
        if self._seen_bytes <= self._known_bytes:
            self._known[report.step] = report.metrics
            return False
        if not self._known or report.step > max(self._known):
            self._known = {}  # it has caught up
            return False
        before = self._known.get(report.step)
        if before is not None and not _agree(report.metrics, before):
            self._note_redone(report, before)
        return True

    def _note_redone(self, report: Report, before: Mapping[str, float]) -> None:
        if self.remark is None:
            self.remark = (
                f"step {report.step} was reported with {_text(before)}, and redone from a checkpoint with "
                f"{_text(report.metrics)}; the first stays. A training repeats itself if its checkpoint "
                "holds all that it hangs on: optimizer, scheduler, order of the data, random generators."
            )

    def _is_repeat(self, report: Report) -> bool:
        """Whether it says of the last step once more what is known."""
        return report.step == self._last_step and _agree(report.metrics, self._last_metrics)

    def _is_late(self, report: Report) -> bool:
        """Whether the whole training was reported before, and it tells of no later step."""
        whole = self._last_step >= least_last_step(self._total_steps)
        return whole and report.step <= self._last_step

    def _note_late(self, report: Report) -> None:
        if self.remark is None:
            self.remark = (
                f"after the last step, {self._last_step} with {_text(self._last_metrics)}, step "
                f"{report.step} was reported with {_text(report.metrics)}; that is left out, the first is "
                "the result. If the best checkpoint is what you keep (load_best_model_at_end), report the "
                "best value so far each time; if not, do not report what is evaluated after the training."
            )

    def _new_lines(self) -> list[bytes]:
        try:
            with open(self._path, "rb") as stream:
                stream.seek(self._offset)
                data = stream.read(_READ_BYTES)
        except FileNotFoundError:
            return []
        self._offset += len(data)
        self._is_behind = len(data) == _READ_BYTES
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
            return (
                f"step {step} was reported twice, with {_text(self._last_metrics)} and then with "
                f"{_text(report.metrics)}; report a step once, from one process, all its metrics in one call"
            )
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


def _agree(metrics: Mapping[str, float], known: Mapping[str, float]) -> bool:
    """Whether the metrics are all among those that are known, with the same values."""
    return all(name in known and _same(value, known[name]) for name, value in metrics.items())


def _same(value: float, other: float) -> bool:
    return math.isclose(value, other, rel_tol=_SAME) or (math.isnan(value) and math.isnan(other))


def _text(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in metrics.items())
