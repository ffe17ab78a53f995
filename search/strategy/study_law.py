"""The law of the loss fitted to a study: to every validation of its runs after their first fifth.

Only runs of the study's horizon count. The law has the horizon in it, but fitted to trainings of a ninth of
it as well it ranked schedules far worse than without them (`benchmarks/law.py`). Of one shape, the runs at
lrs far above its best one are left out: there the loss is that of a training that breaks down, of which the
law knows nothing. What trains still is not looked at, so a round knows no more than results
(`search.strategy.rounds`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.strategy.kernels import Vector
from search.strategy.law_fit import LawFit, Validations
from search.strategy.law_mean import LawMean, schedule_of
from search.strategy.loss_law import Tables, parts_of
from search.strategy.shape import Shape

FIRST_SHARE = 0.2
"""Of a run, which the law is not fitted to: it begins from other weights every time."""
MOST_OF_A_RUN = 8
"""Validations of one run that count: more of them tell hardly more, and a script may report every step."""
LEAST_VALIDATIONS = 6
"""The law has six numbers."""
MOST_RUNS = 96
"""Runs that it is fitted to: the last ones."""
MOST_ABOVE_BEST = 1.0
"""In the log peak lr."""
UNIT_SHARE = 0.25
"""A loss counts as exactly as the best ones where it is above the best by less than this share of what the
median validation is above it."""


@dataclass(frozen=True, eq=False)
class Curve:
    """What one run has validated.

    Attributes:
        number: of its trial.
        shape, log_lr: of its schedule.
        total_steps: its own horizon.
        losses: step -> loss, lower is better.
    """

    number: int
    shape: Shape
    log_lr: float
    total_steps: int
    losses: tuple[tuple[int, float], ...]

    @property
    def schedule(self) -> bytes:
        """Equal for runs of one schedule to one horizon."""
        return schedule_of(self.shape.features, self.log_lr, self.total_steps)

    @property
    def late(self) -> list[tuple[int, float]]:
        """Those after the first fifth, `MOST_OF_A_RUN` at even distances, the last among them."""
        found = [(step, loss) for step, loss in self.losses if step >= FIRST_SHARE * self.total_steps]
        places = np.linspace(0, len(found) - 1, min(len(found), MOST_OF_A_RUN)).round().astype(int)
        return [found[place] for place in places]


def law_of(curves: Sequence[Curve], total_steps: int) -> LawMean | None:
    """The law of a study; None where its runs have not told enough.

    Args:
        curves: of runs that ended and did not diverge.
        total_steps: the study's horizon.
    """
    used = learnt_from(curves, total_steps)
    n_schedules = len({curve.schedule for curve in used})
    if n_schedules < 2 or sum(len(curve.late) for curve in used) < LEAST_VALIDATIONS:
        return None
    return fitted_law(used, total_steps)


def learnt_from(curves: Sequence[Curve], total_steps: int) -> list[Curve]:
    """The curves to which the law of a study is fitted; see `law_of`."""
    whole = [curve for curve in curves if curve.late and curve.total_steps == total_steps]
    return _below_the_cliff(whole)[-MOST_RUNS:]


def fitted_law(curves: Sequence[Curve], total_steps: int) -> LawMean:
    """The law of all of these curves, at least one."""
    return LawMean(law_fit(curves), total_steps, _numbers(curves), _highest_good(curves))


def law_fit(curves: Sequence[Curve]) -> LawFit:
    """The fit to all of these curves, at least one."""
    return LawFit(_validations(curves, _numbers(curves)), len(curves))


def _numbers(curves: Sequence[Curve]) -> dict[bytes, int]:
    """Of each schedule, from 0."""
    schedules = dict.fromkeys(curve.schedule for curve in curves)
    return {schedule: number for number, schedule in enumerate(schedules)}


def _below_the_cliff(curves: Sequence[Curve]) -> list[Curve]:
    """Those of each shape up to `MOST_ABOVE_BEST` above its best peak lr."""
    best: dict[bytes, Curve] = {}
    for curve in curves:
        other = best.setdefault(curve.shape.key, curve)
        if curve.losses[-1][1] < other.losses[-1][1]:
            best[curve.shape.key] = curve
    return [c for c in curves if c.log_lr <= best[c.shape.key].log_lr + MOST_ABOVE_BEST]


def _highest_good(curves: Sequence[Curve]) -> float:
    """The highest log peak lr, as one of linear, of the runs that ended as low as half of all validations."""
    ends = [curve.losses[-1][1] for curve in curves]
    middle = max(min(ends), float(np.median([loss for curve in curves for _, loss in curve.late])))
    return max(c.log_lr - c.shape.log_scale for c in curves if c.losses[-1][1] <= middle)


def _validations(curves: Sequence[Curve], numbers: dict[bytes, int]) -> Validations:
    rows: list[Vector] = []
    for curve in curves:
        lrs = np.exp(curve.log_lr) * curve.shape.schedule.factors(curve.total_steps)
        rows += [parts_of(lrs[:step]) for step, _ in curve.late]
    late = [(curve, step, loss) for curve in curves for step, loss in curve.late]
    losses = np.array([loss for _, _, loss in late])
    above = losses - losses.min()
    unit = max(UNIT_SHARE * float(np.median(above)), 1e-9 * float(np.abs(losses).max()), 1e-12)
    return Validations(
        Tables(np.array(rows), np.array([float(step) for _, step, _ in late])),
        losses,
        1.0 / (unit + above),
        np.array([numbers[curve.schedule] for curve, _, _ in late]),
    )
