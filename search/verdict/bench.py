"""`Bench`: the trainings that tune the standards, by standard, peak lr and seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from search.verdict.bracket import Edge, best_offset, edge_of, next_offset
from warmboot.schedule import WarmbootSchedule

SEEDS_OF_FINALISTS = 3
Train = Callable[[Sequence[tuple[WarmbootSchedule, int]]], list[float]]
"""Schedules, each with the number of a tuning seed -> their values."""


@dataclass(eq=False)
class TunedBaseline:
    """One standard at the peak lrs that were tried so far.

    Args:
        name: of the standard.
        shape: without its lr.
        expected_lr: where its best peak lr should lie; offsets are log distances from it.
        losses: by offset, on the tuning seeds from 0 on; the objective, turned so that lower is better.
    """

    name: str
    shape: WarmbootSchedule
    expected_lr: float
    losses: dict[float, list[float]] = field(default_factory=dict)

    @property
    def n_seeds(self) -> int:
        """The seeds on which it is compared: all that its best lrs have, the finalists' at most."""
        return min(SEEDS_OF_FINALISTS, max(map(len, self.losses.values())))

    @property
    def best(self) -> float:
        """The offset with the best mean; one on fewer seeds may lead by luck and is left out."""
        n_seeds = self.n_seeds
        return best_offset(
            {offset: fmean(row[:n_seeds]) for offset, row in self.losses.items() if len(row) >= n_seeds}
        )

    @property
    def edge(self) -> Edge | None:
        """Whether the best lr is the outermost that was tried, so that one beyond it may be better."""
        return edge_of(self.best, self.losses)

    @property
    def next(self) -> float:
        """The offset to try next, by the first seed."""
        return next_offset({offset: row[0] for offset, row in self.losses.items()})

    def mean(self, n_seeds: int) -> float:
        """The loss of the best lr over the first seeds."""
        return fmean(self.losses[self.best][:n_seeds])

    def schedule(self, offset: float) -> WarmbootSchedule:
        return self.shape.replace(lr=self.expected_lr * math.exp(offset))


class Bench:
    """Trains and remembers; nothing is trained twice.

    Args:
        standards: to be tuned.
        train: trains schedules.
        sign: 1 where a lower value is better, -1 where a higher one is.
    """

    def __init__(self, standards: Sequence[TunedBaseline], train: Train, sign: float) -> None:
        self.standards, self._train, self._sign = standards, train, sign

    @property
    def n_runs(self) -> int:
        return sum(len(row) for standard in self.standards for row in standard.losses.values())

    def train(self, wanted: Iterable[tuple[TunedBaseline, float, int]]) -> None:
        """Train standards at offsets until each has so many seeds."""
        missing = [
            (standard, offset, seed)
            for standard, offset, n_seeds in wanted
            for seed in range(len(standard.losses.get(offset, ())), n_seeds)
        ]
        if not missing:
            return
        values = self._train([(standard.schedule(offset), seed) for standard, offset, seed in missing])
        for (standard, offset, _), value in zip(missing, values, strict=True):
            standard.losses.setdefault(offset, []).append(self._sign * value)

    def values(self, standard: TunedBaseline) -> tuple[float, ...]:
        """Of its best lr on all its seeds, as the objective has them."""
        return tuple(self._sign * loss for loss in standard.losses[standard.best])

    def order(self) -> list[TunedBaseline]:
        """The standards, best first; those on more seeds before the others."""
        return sorted(self.standards, key=lambda each: (-each.n_seeds, each.mean(each.n_seeds)))

    def challenger(self) -> TunedBaseline | None:
        """A standard on fewer seeds than the strongest that is ahead of it on those that both have."""
        order = self.order()
        fewer = [each for each in order if each.n_seeds < order[0].n_seeds]
        return next((each for each in fewer if each.mean(each.n_seeds) < order[0].mean(each.n_seeds)), None)
