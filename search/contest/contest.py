"""The verdict on a study's leader: one comparison with the one strongest standard.

1. The leader is the first of the study's contenders, as `export` has it.
2. The standards are tuned on seeds of their own, with no more training than the search had; the strongest
   of them and the margin of equivalence are fixed there.
3. Both are trained on fresh seeds, paired, and judged on test data, with looks after 5, 10, 20 and 30 pairs
   (`search.verdict.sequential`). The first look that settles it ends it.

What the search measured takes no part in the comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from search.contest.arms import Arm, Arms, Reached
from search.contest.result import Result
from search.contest.tuning import MOST_RUNS, SEEDS_OF_THE_BEST, Tuned, Tuning, tune
from search.results import Contender
from search.seeds import tuning_seed, verdict_seed
from search.study_spec import StudySpec
from search.verdict.others import OtherStandard, compare_others
from search.verdict.pairs import PairedRuns
from search.verdict.planning import pairs_wanted
from search.verdict.sequential import MARGIN_IN_SEED_SDS, STATED_PLAN, Look, take_looks
from search.verdict.steps_gain import StepsGain, steps_gain
from search.verdict.wording import Verdict, lines, sentence, steps_sentence
from warmboot.schedule import WarmbootSchedule
from warmboot.space import FloatRange

SHARES_OF_HORIZON = (0.6, 0.75, 0.9, 1.0)
"""Horizons at which the leader is trained to tell the gain in steps."""
PAIRS_FOR_STEPS = 8
MOST_OTHERS = 4
Say = Callable[[str], None]


@dataclass(frozen=True)
class Conditions:
    """What a contest is told.

    Attributes:
        linear_lr: about the best peak lr of linear to zero.
        search_runs: full runs that the search has used; the standards get no more.
        standards: by name, the likeliest to be strong first.
        others: whether the other standards are compared as well, for information.
        steps: whether the gain is told in steps too.
        most_pairs: a comparison may be cut short at one of the looks.
        margin: of equivalence, in the objective's unit; None: half a standard deviation between seeds.
    """

    linear_lr: float
    search_runs: float
    standards: Mapping[str, WarmbootSchedule]
    others: bool = False
    steps: bool = True
    most_pairs: int = STATED_PLAN.last
    margin: float | None = None

    @property
    def tuning_runs(self) -> int:
        """How many trainings may tune the standards."""
        return int(max(4, min(MOST_RUNS, self.search_runs)))

    def cost(self, time_text: Callable[[float], str]) -> str:
        """What it takes at most, in words; `time_text` tells how long so many full runs take."""
        tune, least, pairs = self.tuning_runs, 2 * STATED_PLAN.looks[0], 2 * self.most_pairs
        most = tune + SEEDS_OF_THE_BEST + pairs + PAIRS_FOR_STEPS * sum(SHARES_OF_HORIZON[:-1])
        return (
            f"up to {tune} runs tune {len(self.standards)} standards, {least} to {pairs} compare the "
            f"strongest with the leader: {time_text(most)} at most"
        )


def may_shorten(spec: StudySpec) -> bool:
    """Whether a study's proxy can be trained to another horizon than the study's."""
    command = getattr(spec.proxy, "command", None)
    return command is None or "{total_steps}" in command


def contest(spec: StudySpec, leader: Contender, arms: Arms, conditions: Conditions, say: Say) -> Result:
    """Tune the standards, compare the leader with the strongest, say what was found."""
    return _Contest(spec, leader, arms, conditions, say).hold()


class _Contest:
    def __init__(
        self, spec: StudySpec, leader: Contender, arms: Arms, conditions: Conditions, say: Say
    ) -> None:
        self._spec, self._leader, self._arms = spec, leader, arms
        self._conditions, self._say = conditions, say

    def hold(self) -> Result:
        tuning = self._tuned()
        standard = tuning.strongest
        seed_sd = _sd(standard.values)
        if self._leader.schedule.replace(lr=None) == standard.schedule.replace(lr=None):
            return self._is_standard(tuning, seed_sd)
        margin = self._margin(seed_sd)
        why = f", half the standard deviation between its {len(standard.values)} seeds"
        self._say(
            f"strongest standard: {standard.schedule.describe()}; margin of equivalence ±{margin:.3g}"
            f"{why if self._conditions.margin is None else ''}"
        )
        runs, looks, diverged = self._compared(standard.schedule, margin)
        verdict = Verdict(
            candidate=self._leader.schedule.describe(),
            standard=standard.schedule.describe(),
            tuning=f"standards tuned with {tuning.n_runs} runs, the search had "
            f"{self._conditions.search_runs:.3g}",
            advice=standard.schedule.describe(),
            objective=self._arms.objective,
            looks=looks,
            plan=STATED_PLAN,
            margin=margin,
            seed_sd=seed_sd,
            pairs_wanted=pairs_wanted(runs, margin=margin) if looks[-1].outcome == "not settled" else None,
            candidate_diverged=diverged[0],
            standard_diverged=diverged[1],
        )
        steps = self._in_steps(runs) if self._conditions.steps else None
        told = [*lines(verdict), *self._steps_lines(steps, standard)]
        return Result(
            outcome=looks[-1].outcome or "not settled",
            sentence=sentence(verdict),
            lines=tuple(told),
            key=self._leader.key,
            standard=standard,
            tuning=tuning,
            objective=self._arms.objective,
            margin=margin,
            seed_sd=seed_sd,
            looks=looks,
            runs=runs,
            others=self._others(tuning, runs) if self._conditions.others else (),
            steps=steps,
            n_trained=self._arms.n_trained,
        )

    def _margin(self, seed_sd: float) -> float:
        return self._conditions.margin or MARGIN_IN_SEED_SDS * seed_sd

    def _tuned(self) -> Tuning:

        def train(wanted: Sequence[tuple[WarmbootSchedule, int]]) -> list[float]:
            seeds = [tuning_seed(self._spec.seed, j) for _, j in wanted]
            arms = [self._arm(schedule, seed) for (schedule, _), seed in zip(wanted, seeds, strict=True)]
            return [reached.value for reached in self._arms.train(arms)]

        return tune(
            self._conditions.standards,
            train,
            linear_lr=self._conditions.linear_lr,
            lr_is_fixed=not isinstance(self._spec.parsed_space.lr, FloatRange),
            total_steps=self._spec.horizon_steps,
            n_runs=self._conditions.tuning_runs,
            direction=self._spec.direction,
        )

    def _compared(
        self, standard: WarmbootSchedule, margin: float
    ) -> tuple[PairedRuns, tuple[Look, ...], tuple[int, int]]:
        """Look after look until one settles it."""
        candidate: list[Reached] = []
        other: list[Reached] = []
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

    def _others(self, tuning: Tuning, runs: PairedRuns) -> list[OtherStandard]:
        others = tuning.standards[1 : 1 + MOST_OTHERS]
        pairs = {}
        for other in others:
            found = self._on_test([(other.schedule, j) for j in range(len(runs))])
            pairs[other.schedule.describe()] = self._paired(runs.candidate, [r.value for r in found])
        return compare_others(pairs) if pairs else []

    def _in_steps(self, runs: PairedRuns) -> StepsGain | None:
        """Trained to shorter horizons too; None where the horizons have no room for the schedule."""
        n_seeds, total = min(PAIRS_FOR_STEPS, len(runs)), self._spec.horizon_steps
        horizons = [round(share * total) for share in SHARES_OF_HORIZON]
        if horizons[0] < self._spec.parsed_space.min_total_steps or not may_shorten(self._spec):
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
            standard_steps=total,
            direction=self._spec.direction,
        )

    def _steps_lines(self, gain: StepsGain | None, standard: Tuned) -> list[str]:
        if gain is None:
            return []
        text = steps_sentence(gain, candidate="it", standard=standard.schedule.describe())
        return [text[0].upper() + text[1:]]

    def _is_standard(self, tuning: Tuning, seed_sd: float) -> Result:
        standard = tuning.strongest
        text = (
            f"{self._leader.schedule.describe()} is itself the strongest standard here, "
            f"{standard.schedule.replace(lr=None).describe()}: use it; tuning it apart from the search found "
            f"the peak lr {standard.schedule.lr:.4g}."
        )
        return Result(
            outcome="standard",
            sentence=text,
            lines=(),
            key=self._leader.key,
            standard=standard,
            tuning=tuning,
            objective=self._arms.objective,
            margin=self._margin(seed_sd),
            seed_sd=seed_sd,
            looks=(),
            runs=None,
            n_trained=self._arms.n_trained,
        )

    def _on_test(self, wanted: Sequence[tuple[WarmbootSchedule, int]]) -> list[Reached]:
        return self._arms.train([self._arm(schedule, self._seed(j), test=True) for schedule, j in wanted])

    def _seed(self, j: int) -> tuple[int, ...]:
        return verdict_seed(self._spec.seed, j)

    def _arm(
        self, schedule: WarmbootSchedule, seed: tuple[int, ...], *, steps: int = 0, test: bool = False
    ) -> Arm:
        """The leader's other hyperparameters are everybody's: the schedules alone are compared."""
        steps = steps or self._spec.horizon_steps
        return Arm(schedule=schedule, params=self._leader.params, seed=seed, total_steps=steps, test=test)

    def _paired(self, candidate: Sequence[float], standard: Sequence[float]) -> PairedRuns:
        return PairedRuns(
            candidate=tuple(candidate), standard=tuple(standard), direction=self._spec.direction
        )


def _look_text(look: Look) -> str:
    found = f"look at {look.n_pairs} pairs: gain {look.mean:.4g}"
    return f"{found}; {look.outcome or 'not settled yet'}"


def _sd(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return float((sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1)) ** 0.5)
