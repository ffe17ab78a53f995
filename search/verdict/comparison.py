"""The verdict on a study's leader: one comparison with the one strongest standard.

1. The leader is the best searched schedule that is no baseline (`Lead.subject`), even where `export` would
   write a baseline. Where only baselines were tried, it is the best of them.
2. The standards are tuned on seeds of their own, with no more training than the search had; the strongest
   of them and the margin of equivalence are fixed there.
3. Both are trained on fresh seeds, paired, and judged on test data, with looks after 5, 10, 20 and 30 pairs
   (`search.statistics.sequential`). The first look that settles it ends it.

What the search measured takes no part in the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from search.direction import sign_of
from search.messages import Say
from search.results.candidate import Candidate
from search.results.tuned_standard import TunedStandard
from search.results.verdict import Named, VerdictResult
from search.runs.seeds import tuning_seed, verdict_seed
from search.spec.study import StudySpec
from search.statistics.holm import OtherStandard, compare_others
from search.statistics.paired import PairedRuns
from search.statistics.power import pairs_wanted
from search.statistics.sequential import MARGIN_IN_SEED_SDS, STATED_PLAN, Look, take_looks
from search.statistics.steps_gain import StepsGain, steps_gain
from search.training.batch import Arms, PlannedRun, RunResult
from search.verdict.averaged_constant import N_LRS, averaged_constant, averaged_words
from search.verdict.baseline_table import table_lines
from search.verdict.baseline_tuning import MOST_RUNS, Tuned, Tuning, grid_size, tune
from search.verdict.cost import Cost
from search.verdict.in_steps import PAIRS_FOR_STEPS, horizons_for_steps
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange

MOST_OTHERS = 4


@dataclass(frozen=True)
class Conditions:
    """What a contest is told.

    Attributes:
        linear_lr: about the best peak lr of linear to zero.
        search_runs: full runs that the search has used; the standards get no more.
        standards: by name, the likeliest to be strong first.
        others: whether the other standards are compared as well, for information.
        averaged: whether a constant lr with averaged weights is one of these.
        steps: whether the gain is told in steps whatever the outcome; a win always is.
        most_pairs: a comparison may be cut short at one of the looks.
        margin: of equivalence, in the objective's unit; None: half a standard deviation between seeds.
    """

    linear_lr: float
    search_runs: float
    standards: Mapping[str, WarmbootSchedule]
    others: bool = False
    averaged: bool = False
    steps: bool = False
    most_pairs: int = STATED_PLAN.last
    margin: float | None = None

    @property
    def tuning_runs(self) -> int:
        """How many trainings may tune the standards."""
        return int(max(4, min(MOST_RUNS, self.search_runs)))

    def cost(self, spec: StudySpec) -> Cost:
        """What it takes at most."""
        fixed = not isinstance(spec.peak_lr, FloatRange)
        tuned = grid_size(len(self.standards), self.tuning_runs, lr_is_fixed=fixed)[0]
        return Cost(
            tuning_runs=self.tuning_runs,
            n_standards=tuned,
            most_pairs=self.most_pairs,
            n_others=min(MOST_OTHERS, tuned - 1) if self.others else 0,
            averaged_lrs=(1 if fixed else N_LRS) if self.others and self.averaged else 0,
            in_steps=bool(horizons_for_steps(spec)),
        )


def contest(
    spec: StudySpec, leader: Candidate, arms: Arms, conditions: Conditions, say: Say
) -> VerdictResult:
    """Tune the standards, compare the leader with the strongest, say what was found."""
    return _Contest(spec, leader, arms, conditions, say).hold()


class _Contest:
    def __init__(
        self, spec: StudySpec, leader: Candidate, arms: Arms, conditions: Conditions, say: Say
    ) -> None:
        self._spec, self._leader, self._arms = spec, leader, arms
        self._conditions, self._say = conditions, say

    def hold(self) -> VerdictResult:
        tuning = self._tuned()
        self._tell(tuning)
        if self._leader.schedule.replace(lr=None) == tuning.strongest.schedule.replace(lr=None):
            return self._result(tuning, "standard", about=self._named())
        margin = self._margin(tuning)
        self._tell_margin(tuning.strongest, margin)
        runs, looks, diverged = self._compared(tuning.strongest.schedule, margin)
        in_steps = self._conditions.steps or looks[-1].outcome == "win"
        wanted = pairs_wanted(runs, margin=margin) if looks[-1].outcome == "not settled" else None
        return self._result(
            tuning,
            looks[-1].outcome or "not settled",
            looks=looks,
            candidate_values=runs.candidate,
            standard_values=runs.standard,
            steps=self._in_steps(runs) if in_steps else None,
            others=self._others(tuning, runs) if self._conditions.others else (),
            about=self._named(
                pairs_wanted=wanted, candidate_diverged=diverged[0], standard_diverged=diverged[1]
            ),
        )

    def _result(self, tuning: Tuning, outcome: str, **compared: Any) -> VerdictResult:
        """What the tuning alone gives, and what was compared."""
        tuned = tuple(_kept(each) for each in tuning.standards)
        return VerdictResult(
            outcome=outcome,
            key=self._leader.key,
            objective=self._arms.objective,
            margin=self._margin(tuning),
            seed_sd=_sd(tuning.strongest.values),
            standard=tuned[0],
            tuned=tuned,
            tuning_runs=tuning.n_runs,
            tuning_seeds=tuning.n_seeds,
            trained=self._arms.n_trained,
            **compared,
        )

    def _named(self, **found: Any) -> Named:
        return Named(
            study=self._spec.name,
            candidate=self._leader.schedule.describe(),
            search_runs=self._conditions.search_runs,
            **found,
        )

    def _tell(self, tuning: Tuning) -> None:
        n_standards = len(tuning.standards)
        self._say(f"{n_standards} baseline{'s' if n_standards > 1 else ''} tuned with {tuning.n_runs} runs:")
        for line in table_lines(tuning, objective=self._spec.objective, direction=self._spec.direction):
            self._say(f"  {line}")

    def _tell_margin(self, standard: Tuned, margin: float) -> None:
        why = f", half the standard deviation between its {len(standard.values)} seeds"
        self._say(
            f"strongest baseline: {standard.schedule.describe()}; margin of equivalence ±{margin:.3g}"
            f"{why if self._conditions.margin is None else ''}"
        )

    def _margin(self, tuning: Tuning) -> float:
        return self._conditions.margin or MARGIN_IN_SEED_SDS * _sd(tuning.strongest.values)

    def _tuned(self) -> Tuning:
        return tune(
            self._conditions.standards,
            self._on_tuning_seeds,
            linear_lr=self._conditions.linear_lr,
            lr_is_fixed=self._lr_is_fixed,
            total_steps=self._spec.horizon_steps,
            n_runs=self._conditions.tuning_runs,
            direction=self._spec.direction,
        )

    def _on_tuning_seeds(
        self, wanted: Sequence[tuple[WarmbootSchedule, int]], averaged: bool = False
    ) -> list[float]:
        arms = [
            self._arm(schedule, tuning_seed(self._spec.seed, j), averaged=averaged) for schedule, j in wanted
        ]
        return [reached.value for reached in self._arms.train(arms)]

    @property
    def _lr_is_fixed(self) -> bool:
        return not isinstance(self._spec.peak_lr, FloatRange)

    def _compared(
        self, standard: WarmbootSchedule, margin: float
    ) -> tuple[PairedRuns, tuple[Look, ...], tuple[int, int]]:
        """Look after look until one settles it."""
        candidate: list[RunResult] = []
        other: list[RunResult] = []
        for n_pairs in STATED_PLAN.looks:
            if n_pairs > self._conditions.most_pairs:
                break
            seeds = range(len(candidate), n_pairs)
            found = self._on_test(
                [(schedule, j) for j in seeds for schedule in (self._leader.schedule, standard)]
            )
            candidate, other = candidate + found[::2], other + found[1::2]
            runs = self._paired([r.value for r in candidate], [r.value for r in other])
            looks = take_looks(runs, margin=margin)
            self._say(_look_text(looks[-1]))
            if looks[-1].outcome is not None:
                break
        return runs, looks, (sum(r.diverged for r in candidate), sum(r.diverged for r in other))

    def _others(self, tuning: Tuning, runs: PairedRuns) -> tuple[OtherStandard, ...]:
        others = tuning.standards[1 : 1 + MOST_OTHERS]
        pairs = {}
        for other in others:
            found = self._on_test([(other.schedule, j) for j in range(len(runs))])
            pairs[other.schedule.describe()] = self._paired(runs.candidate, [r.value for r in found])
        if self._conditions.averaged:
            constant = self._averaged_constant()
            found = self._on_test([(constant, j) for j in range(len(runs))], averaged=True)
            pairs[averaged_words(constant)] = self._paired(runs.candidate, [r.value for r in found])
        return tuple(compare_others(pairs)) if pairs else ()

    def _averaged_constant(self) -> WarmbootSchedule:
        return averaged_constant(
            partial(self._on_tuning_seeds, averaged=True),
            linear_lr=self._conditions.linear_lr,
            lr_is_fixed=self._lr_is_fixed,
            total_steps=self._spec.horizon_steps,
            sign=sign_of(self._spec.direction),
        )

    def _in_steps(self, runs: PairedRuns) -> StepsGain | None:
        """Trained to shorter horizons too; None where the horizons have no room for the schedule."""
        n_seeds, horizons = min(PAIRS_FOR_STEPS, len(runs)), horizons_for_steps(self._spec)
        if not horizons:
            return None
        wanted = [(j, steps) for steps in horizons[:-1] for j in range(n_seeds)]
        found = self._arms.train(
            [self._arm(self._leader.schedule, self._seed(j), steps=steps, test=True) for j, steps in wanted]
        )
        values = [r.value for r in found]
        rows = [values[i * n_seeds : (i + 1) * n_seeds] for i in range(len(horizons) - 1)]
        return steps_gain(
            horizons,
            [*rows, list(runs.candidate[:n_seeds])],
            runs.standard[:n_seeds],
            standard_steps=self._spec.horizon_steps,
            direction=self._spec.direction,
        )

    def _on_test(
        self, wanted: Sequence[tuple[WarmbootSchedule, int]], averaged: bool = False
    ) -> list[RunResult]:
        return self._arms.train(
            [self._arm(schedule, self._seed(j), test=True, averaged=averaged) for schedule, j in wanted]
        )

    def _seed(self, j: int) -> tuple[int, ...]:
        return verdict_seed(self._spec.seed, j)

    def _arm(
        self,
        schedule: WarmbootSchedule,
        seed: tuple[int, ...],
        *,
        steps: int = 0,
        test: bool = False,
        averaged: bool = False,
    ) -> PlannedRun:
        """One training. All schedules are trained with the leader's other hyperparameters, so that only the
        schedules differ."""
        steps = steps or self._spec.horizon_steps
        return PlannedRun(
            schedule=schedule,
            params=self._leader.params,
            seed=seed,
            total_steps=steps,
            test=test,
            averaged=averaged,
        )

    def _paired(self, candidate: Sequence[float], standard: Sequence[float]) -> PairedRuns:
        return PairedRuns(
            candidate=tuple(candidate), standard=tuple(standard), direction=self._spec.direction
        )


def _kept(tuned: Tuned) -> TunedStandard:
    return TunedStandard.of(tuned.name, tuned.schedule, tuned.values, n_lrs=tuned.n_lrs, edge=tuned.edge)


def _look_text(look: Look) -> str:
    found = f"look at {look.n_pairs} pairs: gain {look.mean:.4g}"
    return f"{found}; {look.outcome or 'not settled yet'}"


def _sd(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return float((sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)) ** 0.5)
