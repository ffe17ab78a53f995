"""`Stopper`: what looks at every measurement of a trial and may end it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from optuna.trial import FrozenTrial, TrialState

from search.direction import Direction
from search.early_stopping.rung_rule import Decision, decide, foreseen
from search.runs.trial_attributes import AVERAGED_AT_HALFWAY, is_kept, kept

Known = Callable[[], Sequence[FrozenTrial]]
"""The trials of the study that have ended, as far as a decision may know them."""


@dataclass(frozen=True)
class Look:
    """One measurement of a trial."""

    step: int
    """Steps the trial has trained, those of its shorter trainings included."""
    value: float
    """Its objective."""
    metrics: Mapping[str, float]
    """All that was measured; none where the run diverged."""
    ends_rung: bool
    """Whether a shorter training ended here and the next would begin."""
    rung: str
    """Position in its run, as in "66 of 600 steps"."""
    diverged: bool = False


class Stopper(Protocol):
    """Judges one study's trials."""

    def __call__(self, look: Look, known: Known) -> Decision | None:
        """None where there is nothing to decide here."""
        ...


class NeverStops:
    """Every trial trains to its end."""

    def __call__(self, look: Look, known: Known) -> Decision | None:
        return None


@dataclass(frozen=True)
class SqueezedStopper:
    """Judges a trial by the end of each of its shorter trainings."""

    direction: Direction

    def __call__(self, look: Look, known: Known) -> Decision | None:
        if not look.ends_rung:
            return None
        if look.diverged:
            return Decision(True, look.value, f"it diverged, or was worse than untrained, at {look.rung}")
        return decide(look.value, values_at(look.step, known()), direction=self.direction, rung=look.rung)


@dataclass(frozen=True)
class AveragedStopper:
    """Judges a trial half-way by the average of its recent weights."""

    direction: Direction
    objective: str

    def __call__(self, look: Look, known: Known) -> Decision | None:
        value = self.averaged(look)
        if value is None:
            return None
        pairs = [
            (float(kept(trial, AVERAGED_AT_HALFWAY)), float(trial.values[0]))
            for trial in known()
            if trial.state == TrialState.COMPLETE and is_kept(trial, AVERAGED_AT_HALFWAY)
        ]
        rung = f"{look.rung}, averaged weights"
        return decide(value, pairs, direction=self.direction, rung=rung)

    def averaged(self, look: Look) -> float | None:
        """The objective with averaged weights, where it was measured."""
        return look.metrics.get(f"averaged_{self.objective}")


@dataclass(frozen=True)
class PrunerStopper:
    """Leaves it to one of Optuna's pruners."""

    name: str
    should_prune: Callable[[Look, Known], bool]
    """What was reported last is in the storage by then."""

    def __call__(self, look: Look, known: Known) -> Decision | None:
        if not self.should_prune(look, known):
            return None
        outlook = foreseen(look.value, values_at(look.step, known()))
        why = f"{look.value:.4g} at {look.rung}: ended by Optuna's pruner {self.name}"
        return Decision(True, None if outlook is None else outlook[0], why)


def values_at(step: int, known: Sequence[FrozenTrial]) -> list[tuple[float, float]]:
    """Value at a step and final value of all complete trials that reported there."""
    return [
        (trial.intermediate_values[step], float(trial.values[0]))
        for trial in known
        if trial.state == TrialState.COMPLETE and step in trial.intermediate_values
    ]
