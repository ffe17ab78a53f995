"""Tuning the standards: what a careful person would do with as much training as the search had.

Tuning only one side finds differences that are not there (Wen et al., arXiv 2509.02046). So no more
standards are tried than get a decent number of peak lrs each, around where each should be best
(`search.strategy.peak_lr`) and outwards from there (`search.verdict.bracket`). The best few are compared on
equal seeds, at finer lrs too where there are runs for it. The very best is then trained on so many seeds that
its spread is known, which the margin of the comparison is made of. None of these seeds is a seed of the
comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import fmean

from search.direction import Direction, sign_of
from search.strategy.peak_lr import peak_lr_scale
from search.verdict.bench import SEEDS_OF_FINALISTS, Bench, Train, TunedBaseline
from search.verdict.bracket import FIRST_OFFSETS, Edge
from warmboot.schedule import WarmbootSchedule

LRS, MORE_LRS = 4, 5
"""Peak lrs of each standard; more where there are plenty of runs."""
RUNS_OF_A_STANDARD = 6
"""Its lrs and its share of what the finalists take; with very few runs its lrs alone."""
PLENTY_OF_RUNS = 8
MOST_WIDENINGS = 4
FINE = (-0.15, 0.15)
"""Log distances of finer peak lrs from the best one of a finalist."""
FINALISTS = 3
SEEDS_OF_THE_BEST = 10
MOST_RUNS = 110


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """A standard at its best peak lr.

    Attributes:
        name: of the standard.
        schedule: with its lr.
        values: on the tuning seeds from 0 on.
        n_lrs: at how many peak lrs it was tried.
        edge: which end of those the best one is, where it does not lie between them.
    """

    name: str
    schedule: WarmbootSchedule
    values: tuple[float, ...]
    n_lrs: int
    edge: Edge | None = None


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """All standards after tuning.

    Attributes:
        standards: the strongest first, by their means on the seeds that all finalists have; those on fewer
            seeds come after the finalists.
        n_runs: trainings that it took.
        n_seeds: the seeds that all finalists have.
    """

    standards: tuple[Tuned, ...]
    n_runs: int
    n_seeds: int

    @property
    def strongest(self) -> Tuned:
        return self.standards[0]

    def seeds_of(self, tuned: Tuned) -> int:
        """On how many seeds a standard is compared; fewer than `n_seeds` where it is no finalist."""
        return min(self.n_seeds, len(tuned.values))

    def mean(self, tuned: Tuned) -> float:
        """The value by which it is compared, of all seeds that it shares with the finalists."""
        return fmean(tuned.values[: self.seeds_of(tuned)])


def tune(
    shapes: Mapping[str, WarmbootSchedule],
    train: Train,
    *,
    linear_lr: float,
    lr_is_fixed: bool = False,
    total_steps: int,
    n_runs: int,
    direction: Direction,
) -> Tuning:
    """Find each standard's best peak lr and the strongest standard.

    Args:
        shapes: standards by name, the likeliest to be strong first; with few runs only the first are tried.
        train: trains schedules.
        linear_lr: about the best peak lr of linear to zero.
        lr_is_fixed: every standard has `linear_lr` and no other, as the study has.
        total_steps: the horizon.
        n_runs: how many trainings may be used to tune, at least 4; the spread of the best takes up to 9 more.
        direction: "minimize" or "maximize".
    """
    n_shapes, n_lrs = grid_size(len(shapes), n_runs, lr_is_fixed=lr_is_fixed)
    standards = [
        TunedBaseline(
            name, shape, linear_lr if lr_is_fixed else linear_lr * relative_scale(shape, total_steps)
        )
        for name, shape in islice(shapes.items(), n_shapes)
    ]
    bench = Bench(standards, train, sign_of(direction))
    bench.train((each, offset, 1) for each in standards for offset in FIRST_OFFSETS[:n_lrs])
    for _ in range(n_lrs - len(FIRST_OFFSETS)):
        bench.train([(each, each.next, 1) for each in standards])
    _widen(bench, n_runs)
    _compare(bench, n_runs, fine=() if lr_is_fixed else FINE)
    return _measured(bench)


def grid_size(n_shapes: int, n_runs: int, *, lr_is_fixed: bool = False) -> tuple[int, int]:
    """How many standards are tried, at how many peak lrs each before any is widened.

    >>> grid_size(9, 110), grid_size(9, 24), grid_size(9, 8)
    ((9, 5), (4, 4), (2, 4))
    """
    if lr_is_fixed:
        return max(1, min(n_shapes, n_runs // SEEDS_OF_FINALISTS)), 1
    at_least = min(2, n_runs // LRS)  # one alone would be compared with nothing
    found = max(1, min(n_shapes, max(at_least, n_runs // RUNS_OF_A_STANDARD)))
    return found, MORE_LRS if n_runs >= PLENTY_OF_RUNS * found else LRS


def relative_scale(shape: WarmbootSchedule, total_steps: int) -> float:
    """Where a shape's best peak lr should lie, relative to that of linear to zero."""
    linear = peak_lr_scale(WarmbootSchedule(curve="linear").factors(total_steps))
    return peak_lr_scale(shape.factors(total_steps)) / linear


def _widen(bench: Bench, n_runs: int) -> None:
    """Try lrs farther out where the best is the outermost, the best standards first."""
    for _ in range(MOST_WIDENINGS):
        at_edge = [each for each in bench.order() if each.edge is not None]
        bench.train([(each, each.next, 1) for each in at_edge[: n_runs - bench.n_runs]])


def _compare(bench: Bench, n_runs: int, *, fine: Sequence[float]) -> None:
    """Train the best few on equal seeds, at finer lrs too, and any that then looks better than their best."""
    more = SEEDS_OF_FINALISTS - 1
    n_finalists = min(FINALISTS, len(bench.standards), (n_runs - bench.n_runs) // more)
    if n_finalists < min(2, len(bench.standards)):
        return
    bench.train([(each, each.best, SEEDS_OF_FINALISTS) for each in bench.order()[:n_finalists]])
    n_refined = (n_runs - bench.n_runs) // (SEEDS_OF_FINALISTS * len(fine)) if fine else 0
    refined = [(each, each.best) for each in bench.order()[: min(n_finalists, n_refined)]]
    bench.train([(each, best + offset, SEEDS_OF_FINALISTS) for each, best in refined for offset in fine])
    while n_runs - bench.n_runs >= more and (challenger := bench.challenger()) is not None:
        bench.train([(challenger, challenger.best, SEEDS_OF_FINALISTS)])


def _measured(bench: Bench) -> Tuning:
    """The order as it was found, and the spread of the strongest."""
    order = bench.order()
    n_seeds = order[0].n_seeds
    bench.train([(order[0], order[0].best, SEEDS_OF_THE_BEST)])
    tuned = [
        Tuned(
            name=each.name,
            schedule=each.schedule(each.best),
            values=bench.values(each),
            n_lrs=len(each.losses),
            edge=each.edge,
        )
        for each in order
    ]
    return Tuning(standards=tuple(tuned), n_runs=bench.n_runs, n_seeds=n_seeds)
