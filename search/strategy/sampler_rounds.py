"""Rounds of one of Optuna's samplers: the baselines, then what the sampler draws.

The sampler sees a study in memory that has what a round may know, and is seeded by the round: so it proposes
the same whoever asks. One that fills the space with one sequence, whatever was measured, goes on in it.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial

from search.runs import seeds
from search.spec.study import StudySpec
from search.strategy.baselines_first import BaselinesFirst
from search.strategy.optuna_samplers import DRAW_ONE_SEQUENCE, build_sampler
from search.strategy.proposal import Proposal


class SamplerRounds:
    """What a study with one of Optuna's samplers trains next.

    Args:
        spec: the study.
        first: its first trials.
    """

    def __init__(self, spec: StudySpec, first: BaselinesFirst) -> None:
        self._spec, self._first = spec, first
        self._sequence: optuna.Study | None = None

    def __call__(self, trials: Sequence[FrozenTrial], size: int = 1) -> Iterator[Proposal]:
        """The proposals of a round that knows `trials`; `size` is left to the caller."""
        one_sequence = self._spec.sampler.name in DRAW_ONE_SEQUENCE
        study = self._begun_sequence() if one_sequence else self._in_memory(trials)
        for number in itertools.count(len(trials)):
            while number >= len(drawn := study.get_trials(deepcopy=False)):
                self._draw(study, len(drawn))
            yield self._proposal(number, drawn[number])

    def _draw(self, study: optuna.Study, number: int) -> optuna.Trial:
        first = self._first(number)
        if first is not None:
            study.enqueue_trial(first["params"])
        trial = study.ask()
        self._spec.parsed_space.sample(trial)
        self._spec.parsed_params.sample(trial)
        return trial

    def _proposal(self, number: int, drawn: FrozenTrial) -> Proposal:
        first, fixed = self._first(number), {"fixed_params"}
        return Proposal(
            drawn.params,
            self._spec.horizon_steps,
            why="a baseline" if first is not None else f"drawn by the sampler {self._spec.sampler.name}",
            standard="" if first is None else next(iter(first["user_attrs"].values())),
            system_attrs={k: v for k, v in drawn.system_attrs.items() if k not in fixed},
        )

    def _in_memory(self, trials: Sequence[FrozenTrial]) -> optuna.Study:
        study = self._new_study(first_number=len(trials))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study.add_trials(trials)
        return study

    def _begun_sequence(self) -> optuna.Study:
        """A study that is drawn from its first trial on, by whoever goes on with it; kept for the rounds to
        come, since each draw counts on those before it."""
        if self._sequence is None:
            self._sequence = self._new_study(first_number=0)
            # Optuna takes the space of such a sequence from the first trial that has ended.
            self._sequence.tell(self._draw(self._sequence, 0), 0.0)
        return self._sequence

    def _new_study(self, first_number: int) -> optuna.Study:
        words = np.random.SeedSequence(seeds.round_seed(self._spec.seed, first_number)).generate_state(1)
        sampler = build_sampler(self._spec.sampler, int(words[0]))
        return optuna.create_study(sampler=sampler, direction=self._spec.direction)
