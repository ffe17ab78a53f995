"""`Failures`: the trainings that failed in a row here, and what becomes of those that never trained.

A training that fails before its first report may fail for what it was asked to train, or because nothing can
train in this place: no environment, no data, no disk. Only another training tells. So such a trial is held;
once a training ends well it has failed, and as long as none has it is handed back, to be tried again where
things are mended. An attempt is no result.

How a script and the search fit together is the same in every training. Where that is what failed, and no
training ended well, a second failure of the same kind is the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import URL

from search.errors import RunError
from search.messages import next_command
from search.runs.events import TrainingFailed
from search.scripts.reasons import breach_of_contract
from search.storage.address import storage_option
from search.worker.jobs import Job, TrialJob

FAILURES_TO_STOP = 5
"""In a row, without a training that ended well among them, whatever they say."""
BREACHES_TO_STOP = 2
"""Of one kind of `breach_of_contract`, while no training has ended well."""


def logs_command(study_name: str, url: URL) -> str:
    """What tells a person of the failed trainings of a study, wherever it is kept."""
    return next_command("logs", study_name, *storage_option(url))


class Streak:
    """The trainings that failed since the last that ended well; `logs`: the command that tells of each."""

    def __init__(self, logs: str) -> None:
        self._logs = logs
        self._length = 0
        self._any_success = False
        self._breaches = Counter[str]()

    def trained(self) -> None:
        """One ended well."""
        self._length = 0
        self._any_success = True

    def failed(self, reason: str, text: str) -> None:
        """One failed, and left this text behind.

        Raises:
            RunError: it is one too many; no search is worth going on with.
        """
        self._length += 1
        breach = breach_of_contract(reason)
        if breach is not None:
            self._breaches[breach] += 1
        why = self._too_many(reason.rstrip("."), breach)
        if not why:
            return
        error = RunError(
            f"{why} Trials that had not begun to train are tried again by the next launch. "
            f"See what each printed: {self._logs}"
        )
        error.add_note(text)  # seen with --debug
        raise error

    def _too_many(self, reason: str, breach: str | None) -> str:
        """What is wrong with one more; empty where nothing is."""
        if breach is not None and not self._any_success and self._breaches[breach] >= BREACHES_TO_STOP:
            return f"{reason}. Two trainings failed so and none has ended well; a third would fail as well."
        if self._length >= FAILURES_TO_STOP:
            return f"{self._length} trainings in a row failed, the last with: {reason}."
        return ""


class Failures:
    """Of one worker, since it began; `notify` hears of every training that ends, well or not.

    `logs`: as `Streak` is told.
    """

    def __init__(self, notify: Callable[[dict[str, Any]], None], logs: str) -> None:
        self._notify = notify
        self._streak = Streak(logs)
        self._any_success = False
        self._held: list[tuple[TrialJob, str]] = []

    def take(self, job: Job, text: str) -> None:
        """What failed and left this text behind: held where it is a trial that has not trained."""
        if isinstance(job, TrialJob) and not job.has_trained:
            job.hold(text)
            self._held.append((job, text))
        else:
            job.failed(text)

    def count(self, event: TrainingFailed) -> None:
        """Count a failure; raises as `Streak.failed`."""
        self._notify(
            {
                "kind": "failed",
                "trials": [key[1] for key in event.keys if isinstance(key, tuple) and key[0] == "trial"],
                "reason": event.reason,
                "text": event.traceback_text,
            }
        )
        self._streak.failed(event.reason, event.traceback_text)

    def success(self) -> None:
        """A training ended well, so what was held did fail by itself."""
        self._notify({"kind": "trained"})
        self._streak.trained()
        self._any_success = True
        self._tell()

    def settle(self, study_has_trained: Callable[[], bool]) -> bool:
        """Nothing else trains here. Whether anything was held: it has failed now, or waits again.

        `study_has_trained`: whether any training of the study has ended well, here or elsewhere, at any time.
        """
        held = bool(self._held)
        if held and (self._any_success or study_has_trained()):
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
