"""The score of a finished training: its value, or the untrained value if it diverged.

A training that ends non-finite, or worse than the untrained network, is told the value of the untrained
network with that seed. The sampler learns to stay away, no plot breaks, and what really happened is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from search.direction import Direction


@dataclass(frozen=True)
class Score:
    """`value` is told to the study; `divergence` is None, or says what happened instead."""

    value: float
    divergence: dict[str, Any] | None


def score_run(
    last_value: float, *, untrained_value: float, direction: Direction, diverged_at_step: int | None
) -> Score:
    """Judge the objective at the end of one run.

    >>> score_run(2.1, untrained_value=4.6, direction="minimize", diverged_at_step=None).value
    2.1
    >>> score_run(float("nan"), untrained_value=4.6, direction="minimize", diverged_at_step=7).value
    4.6
    """
    finite = math.isfinite(last_value)
    if direction == "minimize":
        useless = finite and last_value > untrained_value
    else:
        useless = finite and last_value < untrained_value
    if finite and not useless and diverged_at_step is None:
        return Score(last_value, None)
    divergence = {"diverged_at_step": diverged_at_step, "last_value": str(last_value)}
    return Score(untrained_value, divergence)
