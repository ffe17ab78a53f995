"""Seeds: which random stream belongs to what.

Every stream of a study is named by a tuple of ints, the entropy of a `numpy.random.SeedSequence`:

| tuple | what it drives |
| --- | --- |
| `(study_seed, 0, opening)` | the sampler of the process that opened the study as number `opening` |
| `(study_seed, 1, j)` | the `j`-th run of any schedule: the same list for all, so runs are paired |
| `(study_seed, 2, j)` | the `j`-th run that confirms a leader |
| `(study_seed, 3, j)` | the `j`-th pair of a verdict |
| `(study_seed, 4, j)` | the `j`-th run that tunes a peak lr before a comparison |
| `(study_seed, 5, j)` | the `j`-th pair at every horizon of a transfer |
| `(study_seed, 6, t)` | the draws of the round of trials whose first is number `t` |

A run's seed fixes its first weights and the order of its data, each through a CPU generator of its
own, so that the same seed means the same training on any device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import torch

Seed = tuple[int, ...]
"""Entropy of a `numpy.random.SeedSequence`: non-negative ints."""


def run_seed(study_seed: int, j: int) -> Seed:
    """Seed of run `j` of any schedule of a study.

    >>> run_seed(7, 0)
    (7, 1, 0)
    """
    return _seed(study_seed, 1, j)


def confirmation_seed(study_seed: int, j: int) -> Seed:
    """Seed of the `j`-th confirmation run; disjoint from every `run_seed`."""
    return _seed(study_seed, 2, j)


def verdict_seed(study_seed: int, j: int) -> Seed:
    """Seed of the `j`-th pair of a verdict; disjoint from every seed the search has seen."""
    return _seed(study_seed, 3, j)


def tuning_seed(study_seed: int, j: int) -> Seed:
    """Seed of the `j`-th run that tunes a peak lr; disjoint from those of search and comparison."""
    return _seed(study_seed, 4, j)


def transfer_seed(study_seed: int, j: int) -> Seed:
    """Seed of the `j`-th pair at every horizon of a transfer; disjoint from all others."""
    return _seed(study_seed, 5, j)


def round_seed(study_seed: int, first_number: int) -> Seed:
    """Seed of the draws of a round, named by the number of its first trial."""
    return _seed(study_seed, 6, first_number)


def sampler_seed(study_seed: int, opening: int) -> int:
    """Seed of an Optuna sampler (32 bits), another one for each opening of the study.

    >>> sampler_seed(7, 0) != sampler_seed(7, 1)
    True
    """
    sequence = np.random.SeedSequence(_seed(study_seed, 0, opening))
    return int(sequence.generate_state(1, np.uint32)[0])


class RunGenerators(NamedTuple):
    """The random streams of one run."""

    weights_seed: int
    """Seeds torch's CPU generator while the model is made."""
    order: torch.Generator
    """CPU generator that draws the batches."""


def run_generators(seed: Seed) -> RunGenerators:
    """The streams of a run; a new call starts them from their beginning."""
    import torch  # here, because commands that only look need the seeds but not torch

    weights, order = np.random.SeedSequence(seed).generate_state(2, np.uint32)
    return RunGenerators(int(weights), torch.Generator().manual_seed(int(order)))


def _seed(study_seed: int, purpose: int, index: int) -> Seed:
    if study_seed < 0:
        raise ValueError(f"study_seed cannot be negative but got {study_seed}.")
    if index < 0:
        raise ValueError(f"the number of a run, pair or opening cannot be negative: got {index}.")
    return (study_seed, purpose, index)
