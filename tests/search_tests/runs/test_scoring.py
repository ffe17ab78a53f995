"""What a finished run is worth: divergence is told as the untrained value, and what happened is kept."""

from __future__ import annotations

import math

import pytest

from search.direction import Direction
from search.runs.scoring import score_run

DIVERGED = [
    # last value, diverged at step, direction: what is special
    (math.nan, 7, "minimize"),
    (math.inf, 7, "minimize"),
    (-math.inf, 7, "minimize"),  # would be the best value ever
    (math.inf, 7, "maximize"),
    (math.nan, None, "minimize"),  # only the last evaluation was no number
    (9.0, None, "minimize"),  # finite, but worse than untrained
    (0.01, None, "maximize"),
    (2.0, 7, "minimize"),  # a good value from before it diverged
]


@pytest.mark.parametrize(("last_value", "step", "direction"), DIVERGED)
def test_a_diverged_run_is_told_the_untrained_value(
    last_value: float, step: int | None, direction: Direction
) -> None:
    untrained = 4.6 if direction == "minimize" else 0.1
    score = score_run(last_value, untrained_value=untrained, direction=direction, diverged_at_step=step)
    assert score.value == untrained
    assert score.divergence == {"diverged_at_step": step, "last_value": str(last_value)}


@pytest.mark.parametrize(
    ("last_value", "direction"),
    [(2.0, "minimize"), (4.6, "minimize"), (-3.0, "minimize"), (0.9, "maximize"), (0.1, "maximize")],
)
def test_a_run_no_worse_than_untrained_is_told_its_own_value(last_value: float, direction: Direction) -> None:
    untrained = 4.6 if direction == "minimize" else 0.1
    score = score_run(last_value, untrained_value=untrained, direction=direction, diverged_at_step=None)
    assert (score.value, score.divergence) == (last_value, None)
