"""Tuning the standards: what a careful person would do with as much training as the search had.

Whoever tunes one side only finds differences that are not there (Wen et al., arXiv 2509.02046). So every
standard is tried at several peak lrs around where it should be best (`search.strategy.peak_lr`), the best few
at more lrs and on more seeds. The very best is then trained on so many seeds that its spread is known, which
the margin of the comparison is made of. None of these seeds is a seed of the comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from search.strategy.peak_lr import peak_lr_scale
from warmboot.schedule import WarmbootSchedule

OFFSETS = (0.0, -0.35, 0.35, -0.7, 0.7)
"""Log distances of the first peak lrs from the expected one."""
FINE = (0.0, -0.15, 0.15)
"""And of those around the best of them."""
FINALISTS, SEEDS_OF_FINALISTS = 3, 3
SEEDS_OF_THE_BEST = 10
MOST_RUNS = 110

Train = Callable[[Sequence[tuple[WarmbootSchedule, int]]], list[float]]
"""Schedules, each with the number of a tuning seed -> their values."""


@dataclass(frozen=True)
class Tuned:
    """A standard at its best peak lr.

    Attributes:
        name: of the standard.
        schedule: with its lr.
        values: on the tuning seeds from 0 on.
    """

    name: str
    schedule: WarmbootSchedule
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return fmean(self.values)


@dataclass(frozen=True)
class Tuning:
    """All standards after tuning, the strongest first."""

    standards: tuple[Tuned, ...]
    n_runs: int

    @property
    def strongest(self) -> Tuned:
        return self.standards[0]


def tune(
    shapes: Mapping[str, WarmbootSchedule],
    train: Train,
    *,
    linear_lr: float,
    lr_is_fixed: bool = False,
    total_steps: int,
    n_runs: int,
    direction: str,
) -> Tuning:
    """Find each standard's best peak lr and the strongest standard.

    Args:
        shapes: standards by name, the likeliest to be strong first; with few runs only the first are tried.
        train: trains schedules.
        linear_lr: about the best peak lr of linear to zero.
        lr_is_fixed: every standard has `linear_lr` and no other, as the study has.
        total_steps: the horizon.
        n_runs: how many trainings may be used to tune; the spread of the best takes up to 9 more.
        direction: "minimize" or "maximize".
    """
    bench = _Bench(train, 1.0 if direction == "minimize" else -1.0)
    n_shapes, n_offsets = grid_size(len(shapes), n_runs)
    for name, shape in list(shapes.items())[:n_shapes]:
        lr = linear_lr if lr_is_fixed else linear_lr * _relative_scale(shape, total_steps)
        for offset in OFFSETS[: 1 if lr_is_fixed else n_offsets]:
            bench.add(name, shape.replace(lr=lr * math.exp(offset)), n_seeds=1)
    bench.train()
    left = n_runs - bench.n_runs
    for name in bench.order()[: min(FINALISTS, left // (SEEDS_OF_FINALISTS * len(FINE) - 1))]:
        best = bench.best(name).schedule
        assert best.lr is not None, "every schedule of a contest has an lr"
        for offset in FINE[: 1 if lr_is_fixed else len(FINE)]:
            bench.add(name, best.replace(lr=best.lr * math.exp(offset)), n_seeds=SEEDS_OF_FINALISTS)
    bench.train()
    first = bench.order()[0]
    bench.add(first, bench.best(first).schedule, n_seeds=SEEDS_OF_THE_BEST)
    bench.train()
    names = [first, *(name for name in bench.order() if name != first)]
    return Tuning(tuple(bench.best(name) for name in names), bench.n_runs)


def grid_size(n_shapes: int, n_runs: int) -> tuple[int, int]:
    """How many standards are tried, at how many peak lrs each, with half of the runs.

    >>> grid_size(9, 110), grid_size(9, 24), grid_size(9, 8)
    ((9, 5), (4, 3), (1, 3))
    """
    if n_runs // 2 >= n_shapes * len(OFFSETS):
        return n_shapes, len(OFFSETS)
    return max(1, min(n_shapes, n_runs // 2 // 3)), 3


def _relative_scale(shape: WarmbootSchedule, total_steps: int) -> float:
    """Where a shape's best peak lr should lie, relative to that of linear to zero."""
    linear = peak_lr_scale(WarmbootSchedule(curve="linear").factors(total_steps))
    return peak_lr_scale(shape.factors(total_steps)) / linear


class _Bench:
    """The trainings so far, by standard and schedule."""

    def __init__(self, train: Train, sign: float) -> None:
        self._train, self._sign = train, sign
        self._values: dict[str, dict[WarmbootSchedule, list[float]]] = {}
        self._wanted: list[tuple[str, WarmbootSchedule, int]] = []

    @property
    def n_runs(self) -> int:
        return sum(len(v) for of_one in self._values.values() for v in of_one.values())

    def add(self, name: str, schedule: WarmbootSchedule, n_seeds: int) -> None:
        have = len(self._values.setdefault(name, {}).setdefault(schedule, []))
        self._wanted += [(name, schedule, seed) for seed in range(have, n_seeds)]

    def train(self) -> None:
        values = self._train([(schedule, seed) for _, schedule, seed in self._wanted])
        for (name, schedule, _), value in zip(self._wanted, values, strict=True):
            self._values[name][schedule].append(value)
        self._wanted = []

    def best(self, name: str) -> Tuned:
        """At the lr with the best mean; one that was tried on fewer seeds may lead by luck, so it is judged
        on the seeds that all of the best have."""
        tried = {s: v for s, v in self._values[name].items() if v}
        most = max(len(values) for values in tried.values())
        enough = min(most, SEEDS_OF_FINALISTS)
        settled = {s: v for s, v in tried.items() if len(v) >= enough}
        schedule = min(settled, key=lambda s: self._sign * float(np.mean(settled[s][:enough])))
        return Tuned(name, schedule, tuple(tried[schedule]))

    def order(self) -> list[str]:
        """The standards, best first; those on more seeds before the others."""
        best = {name: self.best(name) for name in self._values}
        return sorted(
            best,
            key=lambda name: (
                -min(len(best[name].values), SEEDS_OF_FINALISTS),
                self._sign * float(np.mean(best[name].values[:SEEDS_OF_FINALISTS])),
            ),
        )
