"""Peak lrs and gains at several horizons, so that those of a longer training can be predicted.

1. Every shape's best peak lr at every horizon, from sweeps on tuning seeds judged as the search judges.
2. A power law through each shape's peak lrs, with one exponent for all.
3. Leader and standards, each at the lr that its law gives, on fresh paired seeds and test data, at every
   horizon; a line through the gains.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from search.errors import RunError
from search.messages import Say
from search.results.candidate import Candidate
from search.results.transfer import BaselineTrend, ShapeTrend, TransferResult
from search.runs.seeds import Seed, transfer_seed, tuning_seed
from search.spec.study import StudySpec
from search.statistics.paired import PairedRuns
from search.statistics.transfer_fit import GainTrend, fit_gain_trend, fit_power_law, with_shared_slope
from search.strategy.lr_sweep import lr_at_horizon
from search.training.batch import Arms, PlannedRun, RunResult
from search.transfer.lr_sweeps import Sweep, Wanted, best_lrs
from warmboot.schedule import WarmbootSchedule

PAIRS = 8


def transfer(
    spec: StudySpec,
    leader: Candidate,
    standards: Sequence[WarmbootSchedule],
    arms: Arms,
    *,
    horizons: Sequence[int],
    n_pairs: int = PAIRS,
    say: Say,
) -> TransferResult:
    """Train the leader and the standards to every horizon.

    Args:
        spec: the study.
        leader: with its lr.
        standards: each with its lr at the study's horizon, the strongest first.
        arms: to train with.
        horizons: at least three, ascending.
        n_pairs: fresh seeds at each horizon, >= 2.
        say: told each step in words.

    Raises:
        RunError: a sweep without a minimum, a failed training, or gains without any spread.
    """
    return _Transfer(spec, leader, standards, arms, tuple(horizons), n_pairs, say).measured()


class _Transfer:
    def __init__(
        self,
        spec: StudySpec,
        leader: Candidate,
        standards: Sequence[WarmbootSchedule],
        arms: Arms,
        horizons: tuple[int, ...],
        n_pairs: int,
        say: Say,
    ) -> None:
        self._spec, self._leader, self._arms = spec, leader, arms
        self._shapes = (leader.schedule, *standards)
        self._horizons, self._n_pairs, self._say = horizons, n_pairs, say

    def measured(self) -> TransferResult:
        sides = self._sides()
        margins = self._margins(sides)
        return TransferResult(
            key=self._leader.key,
            objective=self._arms.objective,
            horizons=self._horizons,
            leader=sides[0],
            standards=tuple(
                BaselineTrend(side=side, margin=margin)
                for side, margin in zip(sides[1:], margins, strict=True)
            ),
            n_pairs=self._n_pairs,
            trained=self._arms.n_trained,
        )

    def _sides(self) -> list[ShapeTrend]:
        """Every shape's peak lrs and the law through them."""
        steps = ", ".join(f"{horizon:,}" for horizon in self._horizons)
        self._say(f"finding the best peak lr of {len(self._shapes)} shapes at {steps} steps")
        sweeps = [self._sweep(shape, horizon) for shape in self._shapes for horizon in self._horizons]
        curves = best_lrs(sweeps, self._tune, self._spec.direction)
        n = len(self._horizons)
        by_shape = [curves[start : start + n] for start in range(0, len(curves), n)]
        laws = with_shared_slope([fit_power_law(self._horizons, mine) for mine in by_shape])
        return [
            ShapeTrend(
                name=shape.replace(lr=None).describe(),
                lrs=tuple(curve.lr for curve in mine if curve.lr is not None),
                intervals=tuple(curve.interval for curve in mine),
                law=law,
            )
            for shape, mine, law in zip(self._shapes, by_shape, laws, strict=True)
        ]

    def _sweep(self, shape: WarmbootSchedule, horizon: int) -> Sweep:
        assert shape.lr is not None, "every schedule of a contest has an lr"
        expected = lr_at_horizon(shape.lr, self._spec.horizon_steps, horizon)
        return Sweep(shape.replace(lr=None), horizon, expected)

    def _margins(self, sides: Sequence[ShapeTrend]) -> list[GainTrend]:
        self._say(f"{self._n_pairs} fresh seeds at each horizon, on test data if the proxy has any")
        wanted = [
            (shape.replace(lr=side.law.predict(horizon)[0]), horizon, j)
            for shape, side in zip(self._shapes, sides, strict=True)
            for horizon in self._horizons
            for j in range(self._n_pairs)
        ]
        reached = iter(self._trained(wanted, transfer_seed, test=True))
        values: list[dict[int, list[float]]] = [
            {horizon: [next(reached).value for _ in range(self._n_pairs)] for horizon in self._horizons}
            for _ in self._shapes
        ]
        return [self._margin(values[0], other) for other in values[1:]]

    def _margin(
        self, ours: Mapping[int, Sequence[float]], theirs: Mapping[int, Sequence[float]]
    ) -> GainTrend:
        gains = [
            PairedRuns(
                candidate=tuple(ours[horizon]),
                standard=tuple(theirs[horizon]),
                direction=self._spec.direction,
            ).gains
            for horizon in self._horizons
        ]
        try:
            return fit_gain_trend(self._horizons, [list(map(float, row)) for row in gains])
        except ValueError as error:
            raise RunError(f"the gains can't be extrapolated: {error}") from error

    def _tune(self, wanted: Sequence[Wanted]) -> list[RunResult]:
        return self._trained(wanted, tuning_seed, test=False)

    def _trained(
        self, wanted: Sequence[Wanted], seed_of: Callable[[int, int], Seed], *, test: bool
    ) -> list[RunResult]:
        return self._arms.train(
            [
                PlannedRun(
                    schedule=schedule,
                    params=self._leader.params,
                    seed=seed_of(self._spec.seed, j),
                    total_steps=steps,
                    test=test,
                )
                for schedule, steps, j in wanted
            ]
        )
