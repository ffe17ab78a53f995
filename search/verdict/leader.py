"""`StudyLeader`: the leader of a study, and what of the study a comparison needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from optuna.trial import FrozenTrial, TrialState

from search.durations import duration_text
from search.errors import RunError
from search.results.candidate import Candidate
from search.results.status import study_lead
from search.runs.trial_attributes import RUNS, kept
from search.spec.budget import steps_of
from search.spec.study import StudySpec
from search.spec.training_spans import trained_seconds
from search.storage.study_record import StudyRecord
from search.strategy.shape import ShapeEncoder
from search.strategy.study_model import study_model
from search.training.trainers import slots_for
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange

RECENT = 40
"""Trials by which the pace of the search is told."""


@dataclass(frozen=True)
class StudyLeader:
    """What is judged: `leader` is the best schedule that is no baseline, or the best baseline where nothing
    else was tried; `trials` are all of the study's trials."""

    spec: StudySpec
    leader: Candidate
    trials: Sequence[FrozenTrial]

    @property
    def full_runs(self) -> float:
        """What the search has trained."""
        full = self.spec.horizon_steps
        return sum(steps_of(trial, full) for trial in self.trials) / full

    @property
    def other_metrics(self) -> list[str]:
        """What a training of the user's own reports besides the objective, by name; nothing compares it."""
        if self.spec.proxy_kind == "declared":
            return []
        runs = [run for trial in self.trials for run in kept(trial, RUNS, [])]
        return sorted({name for run in runs for name in run} - {"seed", "step", self.spec.objective})

    def compared_text(self) -> str | None:
        """What is compared, where a training reports more than that; None where nothing is left aside."""
        others = self.other_metrics
        if not others:
            return None
        return (
            f"compared by {self.spec.objective}, the study's objective; {', '.join(others)}, reported by the "
            f"training too, take{'s' * (len(others) == 1)} no part in it"
        )

    def expected_linear_lr(self) -> float:
        """The peak lr at which linear to zero should be best."""
        return self.expected_lr(WarmbootSchedule(curve="linear"))

    def expected_lr(self, shape: WarmbootSchedule) -> float:
        """The peak lr at which the study's model expects a shape to be best; a fixed lr is kept."""
        field = self.spec.peak_lr
        if not isinstance(field, FloatRange):
            return field
        model = study_model(self.spec, self.trials)
        assert model is not None, "a study with a leader has a complete trial"
        made = ShapeEncoder(self.spec.horizon_steps, self.spec.parsed_params).shape(shape, self.leader.params)
        log_lr = model.response.best_log_lr(made.features, made.log_scale)
        return min(max(math.exp(log_lr), field.low), field.high)

    def time_text(self, full_runs: float, device: str) -> str:
        """How long so many full runs take at the pace of the search's trials, to be told beforehand."""
        ended = [t for t in self.trials if t.state == TrialState.COMPLETE and t.duration is not None]
        seconds = [
            t.duration.total_seconds() * self.spec.horizon_steps / steps_of(t, self.spec.horizon_steps)
            for t in ended[-RECENT:]
            if t.duration is not None
        ]
        if not seconds:
            return "the time is not known"
        pace = median(seconds) / slots_for(self.spec, device)
        return f"{duration_text(full_runs * pace)} at the pace of the search"

    def searched_text(self) -> str:
        """What the search has taken, as "24 runs (50 s)"."""
        runs = f"{self.full_runs:.3g} run{'s' if self.full_runs != 1 else ''}"
        seconds = trained_seconds(self.trials)
        return f"{runs} ({duration_text(seconds)})" if seconds > 0 else runs


def study_leader(record: StudyRecord) -> StudyLeader:
    """The leader of a study with all its trials.

    Raises:
        RunError: no trial is complete yet.
    """
    lead, _ = study_lead(record)
    if lead is None:
        raise RunError(f"study {record.name!r} has no completed trial yet; there is nothing to judge.")
    return StudyLeader(record.spec, lead.subject, record.load().get_trials(deepcopy=False))
