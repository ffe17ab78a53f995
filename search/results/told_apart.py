"""How long a confirmation goes on: until leader and baseline are told apart, or clearly can't be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.spec.study import StudySpec
from search.strategy.study_model import Answer, Difference

SHARE_OF_STUDY = 0.1
"""Largest share of a study's runs for the confirmation, unless it took more from the start."""
QUICK_SECONDS = 1.0
QUICK_WORK = 5e9
"""Parameters times samples of a training that takes about as long on one core."""
PAIRS_AT_ONCE = 4
"""Trained before it is asked again whether they are told apart."""
MOST_PAIRS = 30
"""Most pairs, whatever their share, if a run takes less than `QUICK_SECONDS`."""
LEAST_PAIRS = 10
"""Fewest pairs before the model's estimate, which uses other schedules too, may settle it."""
SURE, UNLIKELY = 0.99, 0.05
"""Probabilities of being better at which two are told apart."""
CLEARLY_EQUAL = 0.35
"""Standard deviations between seeds within which two are too much alike to be told apart."""
SDS = 1.64


@dataclass(frozen=True)
class PairBudget:
    """How many runs a confirmation may take in all, and how many pairs one comparison."""

    runs: int
    pairs: int


def is_quick(seconds_per_run: float | None) -> bool:
    """Whether a training takes so little that pairs may settle it, by what the last ones took.

    Args:
        seconds_per_run: of one training, others beside it counted off; None where it is not known.
    """
    return seconds_per_run is not None and seconds_per_run < QUICK_SECONDS


def is_quick_anywhere(proxy: Mapping[str, Any], total_steps: int) -> bool:
    """The same by what a training has to do, which is the same on every machine.

    Args:
        proxy: facts about a declared proxy.
        total_steps: of a training.
    """
    work = float(proxy.get("parameters", math.inf)) * float(proxy.get("batch_size", math.inf)) * total_steps
    return work < QUICK_WORK


def pair_budget(spec: StudySpec, *, quick: bool) -> PairBudget:
    """The confirmation runs that a study can afford; if it counts its runs, no more than was set aside.

    Args:
        spec: the study.
        quick: whether a training takes so little that pairs may settle it, whatever share that is.
    """
    if spec.n_runs is not None:
        return PairBudget(runs=spec.confirmation_size.most_runs, pairs=MOST_PAIRS)
    if quick:
        return PairBudget(runs=10**9, pairs=MOST_PAIRS)
    runs = 0 if spec.n_trials is None else int(SHARE_OF_STUDY * spec.n_trials)
    return PairBudget(runs=runs, pairs=MOST_PAIRS)


def told_apart(answer: Answer) -> bool:
    """Whether more pairs of leader and baseline would change nothing."""
    if answer.difference is None:
        return True
    chance = answer.difference.probability
    return chance >= SURE or chance <= UNLIKELY or _clearly_equal(answer.difference, answer.noise_sd)


def _clearly_equal(difference: Difference, noise_sd: float) -> bool:
    return abs(difference.gain) + SDS * difference.sd <= CLEARLY_EQUAL * noise_sd
