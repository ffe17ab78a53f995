"""What a verdict costs, told before it begins, beside what the search has cost."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from search.messages import next_command
from search.statistics.sequential import STATED_PLAN
from search.verdict.baseline_tuning import SEEDS_OF_THE_BEST
from search.verdict.in_steps import runs_for_steps, trainings_for_steps


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The trainings of a verdict at most, counted as full runs.

    Attributes:
        tuning_runs: that tune the standards.
        n_standards: how many they tune.
        most_pairs: at which look it ends at the latest.
        n_others: how many other standards are trained on every pair's seed too.
        averaged_lrs: at how many peak lrs a constant lr with averaged weights is tried, which is trained on
            every pair's seed too; 0: it is not.
        in_steps: whether a gain can be told in steps, which takes shorter runs.
    """

    tuning_runs: int
    n_standards: int
    most_pairs: int
    n_others: int = 0
    averaged_lrs: int = 0
    in_steps: bool = True

    def most(self, n_pairs: int) -> int:
        """Full runs at most where the last look is after `n_pairs`.

        >>> Cost(tuning_runs=24, n_standards=4, most_pairs=30).most(30)
        111
        """
        steps = runs_for_steps(n_pairs) if self.in_steps else 0.0
        return math.ceil(self._whole_runs(n_pairs) + steps)

    @property
    def most_trainings(self) -> int:
        """Trainings at most, the shorter ones counted as one each."""
        steps = trainings_for_steps(self.most_pairs) if self.in_steps else 0
        return self._whole_runs(self.most_pairs) + steps

    def _whole_runs(self, n_pairs: int) -> int:
        """Those of the horizon's length."""
        tuning = self.tuning_runs + SEEDS_OF_THE_BEST - 1 + self.averaged_lrs
        return tuning + (2 + self.n_others + bool(self.averaged_lrs)) * n_pairs

    def lines(self, *, name: str, time_text: Callable[[float], str], searched: str) -> list[str]:
        """What it takes and how to take less, in words.

        Args:
            name: the study's.
            time_text: how long so many full runs take.
            searched: what the search took, as "24 runs (50 s)".
        """
        most = self.most(self.most_pairs)
        shorter = f" ({self.most_trainings} trainings, some of them shorter)" if self.in_steps else ""
        told = [
            f"{', '.join(self._parts())}: at most {most} runs{shorter}, {time_text(most)}; the search took "
            f"{searched}"
        ]
        first = STATED_PLAN.looks[0]
        if self.most_pairs > first:
            least = replace(self, n_others=0, averaged_lrs=0).most(first)
            sooner = next_command("verdict", name, "--pairs", str(first))
            told.append(f"{sooner} stops after {first} pairs: at most {least} runs")
        return told

    def _parts(self) -> list[str]:
        first, last = 2 * STATED_PLAN.looks[0], 2 * self.most_pairs
        standards = "1 baseline" if self.n_standards == 1 else f"{self.n_standards} baselines"
        parts = [
            f"up to {self.tuning_runs} runs tune {standards}",
            f"{SEEDS_OF_THE_BEST - 1} measure the noise of the strongest",
            f"{first if first == last else f'{first} to {last}'} compare it with the leader",
        ]
        if self.n_others:
            others = "1 other baseline" if self.n_others == 1 else f"{self.n_others} other baselines"
            parts.append(f"up to {self.n_others * self.most_pairs} compare {others}")
        if self.averaged_lrs:
            parts.append(f"up to {self.averaged_lrs + self.most_pairs} a constant lr with averaged weights")
        if self.in_steps:
            parts.append(f"up to {math.ceil(runs_for_steps(self.most_pairs))} tell a gain in steps")
        return parts
