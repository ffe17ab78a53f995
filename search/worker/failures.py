"""`Failures`: the trainings that failed in a row here, and what becomes of those that never trained.

A training that fails before its first report may fail for what it was asked to train, or because nothing can
train in this place: no environment, no data, no disk. Only another training tells. So such a trial is held;
once a training ends well it has failed, and as long as none has it is handed back, to be tried again where
things are mended. An attempt is no result.
"""

from __future__ import annotations

from search.errors import RunError
from search.training_events import TrainingFailed
from search.worker.jobs import TrialJob

FAILURES_TO_STOP = 5
"""In a row, without a training that ended well among them, whatever they say."""


class Failures:
    """Of one worker, since it began."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._any_success = False
        self._held: list[tuple[TrialJob, str]] = []

    def hold(self, job: TrialJob, text: str) -> None:
        """A trial that never reported; `text` is kept with it, whatever becomes of it."""
        self._held.append((job, text))

    def count(self, event: TrainingFailed) -> None:
        """Count a failure.

        Raises:
            RunError: it is one too many; no search is worth going on with.
        """
        self._in_a_row += 1
        if self._in_a_row >= FAILURES_TO_STOP:
            error = RunError(
                f"{self._in_a_row} trainings in a row failed, the last with: {event.reason.rstrip('.')}. "
                "The dashboard shows all that each left behind as its attribute `failed`; trials that had "
                "not begun to train are tried again by the next launch."
            )
            error.add_note(event.traceback_text)  # seen with --debug
            raise error

    def success(self) -> None:
        """A training ended well, so what was held did fail by itself."""
        self._in_a_row, self._any_success = 0, True
        self._tell()

    def settle(self) -> bool:
        """Nothing else trains here. Whether anything was held: it has failed now, or waits again."""
        held = bool(self._held)
        if self._any_success:
            self._tell()
        else:
            self.hand_back()
        return held

    def hand_back(self) -> None:
        """Return what is held."""
        for job, text in self._held:
            job.hand_back(text)
        self._held.clear()

    def _tell(self) -> None:
        for job, text in self._held:
            job.failed(text)
        self._held.clear()
