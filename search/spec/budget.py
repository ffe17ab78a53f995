"""How much a study may train: a number of trials, of full runs, or as long as its time lasts.

**What a number of trials counts.** Those that trained, or wait to. One that failed before its first report
takes none: an attempt is no result.

**What a number of runs counts.** Steps: `n_runs` runs to the study's horizon have `n_runs * total_steps` of
them, and a trial that is stopped early, or trains a shorter horizon, takes only those it trained. A trial
may start while a whole one still fits.

**What a budget of time counts.** The wall time in which the study trained: the union of the spans from start
to end of its trials, over all workers. So several workers share one budget, a minute in which ten of
them train is one minute, and the night between two launches costs nothing. A trial
that has started always finishes, so the budget can be exceeded by one run per slot; confirmation runs are
extra.

Spans are told by the one clock of the study's database; see `search.spec.training_spans`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from search.durations import duration_text
from search.runs.trial_attributes import HELD, HORIZON_STEPS, LOST, REPORTED_BEFORE, STEPS_IN_ALL, kept
from search.spec.training_spans import Moment, trained_seconds

if TYPE_CHECKING:
    from search.runs.trial import Trial


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Exactly one of the three is given."""

    n_trials: int | None = None
    budget_seconds: float | None = None
    n_runs: int | None = None
    """With `total_steps`, the horizon of a full run."""
    total_steps: int | None = None
    steps_per_trial: int | None = None
    """Steps of a whole trial where it trains more than the horizon."""
    plateau: str | None = None
    """Why no more trials are worth it, once that was found; the next launch asks again."""

    def __post_init__(self) -> None:
        given = [self.n_trials, self.budget_seconds, self.n_runs]
        assert sum(limit is not None for limit in given) == 1, "a study has one limit"

    @classmethod
    def from_control(cls, control: Mapping[str, Any]) -> Budget:
        """Read back what `to_control` gave; other entries of the mapping are left aside."""
        return cls(**{field.name: control.get(field.name) for field in fields(cls)})

    def to_control(self) -> dict[str, Any]:
        """Plain data for the database."""
        return asdict(self)

    def may_start(self, trials: Sequence[Trial], now: Moment) -> bool:
        """Whether one more trial may begin.

        Args:
            trials: all trials of the study, of whatever state.
            now: by the clock of the study's database.
        """
        if self.plateau is not None:
            return False
        if self.n_trials is not None:
            return sum(map(counts, trials)) < self.n_trials
        if self.n_runs is not None:
            assert self.total_steps is not None, "a limit in runs knows their length"
            next_one = (self.steps_per_trial or self.total_steps) / self.total_steps
            return self.runs_used(trials) + next_one <= self.n_runs + 1e-9
        return self.seconds_left(trials, now) > 0

    def is_over(self, trials: Sequence[Trial], now: Moment) -> bool:
        """Whether no trial is left to begin or to end; arguments as of `may_start`."""
        return not self.may_start(trials, now) and all(trial.state.is_finished() for trial in trials)

    @property
    def most_full_runs(self) -> int | None:
        """How many full runs it has room for at most; None where time limits it."""
        return self.n_trials if self.n_runs is None else self.n_runs

    def runs_used(self, trials: Sequence[Trial]) -> float:
        """What the trials have taken, or will take, in full runs."""
        assert self.total_steps is not None, "the study counts runs"
        return sum(steps_of(trial, self.total_steps) for trial in trials) / self.total_steps

    def seconds_left(self, trials: Sequence[Trial], now: Moment) -> float:
        """Of a budget of time: what is left of it, 0 at least; infinite where trials are counted."""
        if self.budget_seconds is None:
            return float("inf")
        return max(0.0, self.budget_seconds - trained_seconds(trials, now))

    def describe(self) -> str:
        """
        >>> Budget(n_trials=200).describe(), Budget(budget_seconds=5400).describe()
        ('200 trials', '1 h 30 min of training')
        >>> Budget(n_runs=18, total_steps=600).describe()
        '18 full runs'
        """
        if self.budget_seconds is not None:
            return f"{duration_text(self.budget_seconds)} of training"
        count, what = (self.n_trials, "trial") if self.n_runs is None else (self.n_runs, "full run")
        return f"{count} {what}{'s' if count != 1 else ''}"


def counts(trial: Trial) -> bool:
    """Whether a trial takes one of a study's number of trials: not if it failed before it had trained."""
    return trial.state.name != "FAIL" or bool(trial.intermediate_values) or LOST in trial.user_attrs


def is_held(trial: Trial) -> bool:
    """Whether the training of a trial that looks as if it ran has failed; see `HELD`."""
    return trial.state.name == "RUNNING" and bool(kept(trial, HELD))


def steps_of(trial: Trial, total_steps: int) -> int:
    """Steps that a trial has trained, or will train if it is not finished and not stopped early."""
    whole = whole_steps(trial, total_steps)
    if trial.state.name == "COMPLETE" or not trial.state.is_finished():
        return whole
    return min(whole, reported_steps(trial))


def whole_steps(trial: Trial, total_steps: int) -> int:
    """Steps of a trial that is not stopped early."""
    return int(kept(trial, STEPS_IN_ALL) or trial.user_attrs.get(HORIZON_STEPS, total_steps))


def steps_so_far(trial: Trial) -> int:
    """Steps of a trial in training as far as it has reported; one that is taken up again begins at 0."""
    step = reported_steps(trial) if trial.state.name == "RUNNING" else 0
    return step if step > kept(trial, REPORTED_BEFORE, 0) else 0


def came_further(trial: Trial) -> bool:
    """Whether a trial has reported more than when it was begun last: it is not what ends its workers."""
    return reported_steps(trial) > int(kept(trial, REPORTED_BEFORE, 0))


def reported_steps(trial: Trial) -> int:
    """Steps after which a trial reported last; 0 before its first report."""
    return max(trial.intermediate_values, default=0)
