"""`RunFiles`: what becomes of the files of a run that is over: removed, or kept as those of a best trial."""

from __future__ import annotations

from search.checkpoints.kept_trials import KeptTrials
from search.checkpoints.study_folder import StudyCheckpoints
from search.worker.jobs import Job


class RunFiles:
    """Of the runs of one worker.

    Args:
        checkpoints: where they are; None: nowhere.
        kept: where those of the best trials go; None: they are removed too.
    """

    def __init__(self, checkpoints: StudyCheckpoints | None, kept: KeptTrials | None = None) -> None:
        self._checkpoints, self._kept = checkpoints, kept
        self._over: list[tuple[str, Job, int]] = []

    def over(self, job: Job) -> None:
        """The run of a job is over; its files stay until its result is written."""
        self._over.append((job.run.identity, job, job.run.total_steps))

    def told(self) -> None:
        """The results of all that are over are written."""
        over, self._over = self._over, []
        if self._checkpoints is None:
            return
        for run, job, total_steps in over:
            result = job.result
            is_last = job.run.identity == run  # a trial may train shorter horizons before
            if self._kept is not None and result is not None and is_last:
                self._kept.offer(*result, total_steps, self._checkpoints.of(run))
            self._checkpoints.forget(run)
