"""Many searches at once in one population, each told only what it asked for.

A run's numbers do not depend on its neighbours, so searches that share a population find what they would
find alone; it is faster. Every method is charged the steps it trains, short and stopped runs included.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from search.population import Population, Run
from warmboot.schedule import WarmbootSchedule


@dataclass(eq=False)
class Training:
    """One run that a method wants: a schedule to some horizon, with the `seed`-th seed of its search."""

    schedule: WarmbootSchedule
    total_steps: int
    seed: int
    report_steps: tuple[int, ...]
    note: Any = None
    """The method's own."""
    n_steps: int = 0
    """Trained so far."""
    curve: dict[int, float] = field(default_factory=dict)
    """Validation loss by step; the untrained value where it diverged."""

    @property
    def value(self) -> float:
        """The last validation loss."""
        return self.curve[max(self.curve)]


class Method(Protocol):
    """One search by one method. Lower validation loss is better."""

    in_flight: int

    def next(self) -> Training | None:
        """What to train now; None where it waits, or has spent its budget."""
        ...

    def reported(self, training: Training) -> bool:
        """A measurement before the end; returns whether to stop this run here."""
        ...

    def ended(self, training: Training) -> None:
        """The run ended: at its horizon, stopped, or diverged."""
        ...

    def answer(self) -> WarmbootSchedule:
        """The schedule it would hand to its user."""
        ...


def run_searches(population: Population, searches: Sequence[tuple[int, Method]]) -> None:
    """Train until no method wants more.

    Args:
        population: an empty one.
        searches: number of the search (its seeds are derived from it) and method, each independent.
    """
    keys = itertools.count()
    live: dict[int, tuple[int, Method, Training]] = {}
    training_of = {id(method): 0 for _, method in searches}
    while True:
        for number, method in searches:
            while population.free_slots and training_of[id(method)] < method.in_flight:
                training = method.next()
                if training is None:
                    break
                new = next(keys)
                live[new] = (number, method, training)
                training_of[id(method)] += 1
                population.admit(_run(new, number, training))
        if not live:
            return
        for measured in population.advance():
            key = cast(int, measured.key)
            number, method, training = live[key]
            untrained = population.untrained(_seed(number, training))["val_loss"]
            value = measured.metrics.get("val_loss", untrained)  # a diverged run has none
            value = min(value, untrained)
            training.n_steps = measured.step
            training.curve[measured.step] = value
            if not measured.last and method.reported(training):
                population.cancel(measured.key)
            elif not measured.last:
                continue
            del live[key]
            training_of[id(method)] -= 1
            method.ended(training)


def test_losses(
    population: Population, schedules: Sequence[WarmbootSchedule], total_steps: int, n_seeds: int
) -> NDArray[np.float64]:
    """Test loss of each schedule on the same fresh seeds, which no search has seen: `schedules x n_seeds`.

    Diverged runs count with the untrained loss.
    """
    losses = np.full((len(schedules), n_seeds), math.nan)
    waiting = [(i, j) for i in range(len(schedules)) for j in range(n_seeds)]
    waiting.reverse()
    while waiting or population.active:
        while waiting and population.free_slots:
            i, j = waiting.pop()
            table = schedules[i].lr_table(total_steps)
            run = Run(
                key=(i, j), lr_table=table, seed=(987_003, j), report_steps=(total_steps,), test_at_end=True
            )
            population.admit(run)
        for measured in population.advance():
            i, j = cast(tuple[int, int], measured.key)
            untrained = population.untrained((987_003, j))["val_loss"]
            losses[i, j] = min(measured.metrics.get("test_loss", untrained), untrained)
    return losses


def _run(key: int, number: int, training: Training) -> Run:
    return Run(
        key=key,
        lr_table=training.schedule.lr_table(training.total_steps),
        seed=_seed(number, training),
        report_steps=training.report_steps,
    )


def _seed(number: int, training: Training) -> tuple[int, ...]:
    return (number, 1, training.seed)
