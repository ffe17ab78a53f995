"""Rounds of one of Optuna's samplers: the baselines, then what the sampler draws.

The sampler sees a study in memory that has what a round may know, and is seeded by the round: so it proposes
the same whoever asks.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial

from search.runs import seeds
from search.spec.study import StudySpec
from search.strategy.baselines_first import BaselinesFirst
from search.strategy.optuna_samplers import build_sampler
from search.strategy.proposal import Proposal


class SamplerRounds:
    """What a study with one of Optuna's samplers trains next.

    Args:
        spec: the study.
        first: its first trials.
    """

    def __init__(self, spec: StudySpec, first: BaselinesFirst) -> None:
        self._spec, self._first = spec, first

    def __call__(self, trials: Sequence[FrozenTrial], size: int = 1) -> Iterator[Proposal]:
        """The proposals of a round that knows `trials`; `size` is left to the caller."""
        study = self._in_memory(trials)
        while True:
            first = self._first(len(study.get_trials(deepcopy=False)))
            if first is not None:
                study.enqueue_trial(first["params"])
            trial = study.ask()
            self._spec.parsed_space.sample(trial)
            self._spec.parsed_params.sample(trial)
            drawn = study.get_trials(deepcopy=False)[-1]
            fixed = {"fixed_params"}
            yield Proposal(
                drawn.params,
                self._spec.horizon_steps,
                why="a baseline" if first is not None else f"drawn by the sampler {self._spec.sampler.name}",
                standard="" if first is None else next(iter(first["user_attrs"].values())),
                system_attrs={k: v for k, v in drawn.system_attrs.items() if k not in fixed},
            )

    def _in_memory(self, trials: Sequence[FrozenTrial]) -> optuna.Study:
        words = np.random.SeedSequence(seeds.round_seed(self._spec.seed, len(trials))).generate_state(1)
        sampler = build_sampler(self._spec.sampler, int(words[0]))
        study = optuna.create_study(sampler=sampler, direction=self._spec.direction)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.add_trials(trials)
        return study
