"""For how long a study has trained: the union of the spans of its trials.

A span is told by the clock that all who work on a study's database share (`search.storage.clock`), which no
machine's own time of day and no time zone is a part of. Trials of older versions, and of studies whose time
was not limited when they trained, have only the times that Optuna noted, by the clocks of their machines.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from search.runs.trial_attributes import TRAINED_SPAN, kept

if TYPE_CHECKING:
    from search.runs.trial import Trial

_OPTUNAS = "as Optuna noted it"


@dataclass(frozen=True)
class Moment:
    """A time, by the clock of a database."""

    clock: str
    """Which clock it is; the times of two say nothing of each other."""
    seconds: float
    local: datetime.datetime = field(default_factory=datetime.datetime.now)
    """The time of day without a zone, as Optuna notes it."""

    def begun(self) -> dict[str, Any]:
        """The span of a trial that begins now."""
        return {"clock": self.clock, "from": self.seconds}


def ended(trial: Trial, now: Callable[[], Moment]) -> dict[str, Any]:
    """The attribute of a trial that ends now; none where its time is not counted."""
    span = kept(trial, TRAINED_SPAN)
    return {} if span is None else {TRAINED_SPAN: {**span, "to": now().seconds}}


def ended_unseen(trial: Trial) -> dict[str, Any]:
    """The attribute of a trial that ended at an unknown time, because its worker is gone; empty if its time
    is not counted. Like one that is handed back, it counts for nothing: the night until it was found is not
    training."""
    span = kept(trial, TRAINED_SPAN)
    return {} if span is None else {TRAINED_SPAN: {**span, "to": span["from"]}}


def trained_seconds(trials: Iterable[Trial], now: Moment | None = None) -> float:
    """Time in which at least one trial was in training; running ones count up to `now`, or not at all.

    A trial that was handed back and waits counts for nothing; once it is taken up again, from then on.
    """
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for trial in trials:
        if trial.datetime_start is None or trial.state.name == "WAITING":
            continue
        clock, start, end = _span(trial, trial.datetime_start, now)
        spans[clock].append((start, end))
    return sum(map(_union, spans.values()))


def _span(trial: Trial, started: datetime.datetime, now: Moment | None) -> tuple[str, float, float]:
    """Clock, start and end of a trial's training."""
    told = kept(trial, TRAINED_SPAN)
    ended = trial.datetime_complete
    if told is not None and ("to" in told or ended is None):
        running = now.seconds if now is not None and now.clock == told["clock"] else told["from"]
        return told["clock"], told["from"], told.get("to", running)
    end = ended or (started if now is None else now.local)
    return _OPTUNAS, _seconds(started), _seconds(end)


def _seconds(local: datetime.datetime) -> float:
    return (local - datetime.datetime.min).total_seconds()


def _union(spans: list[tuple[float, float]]) -> float:
    total, covered_until = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, covered_until))
        covered_until = max(covered_until, end)
    return total
