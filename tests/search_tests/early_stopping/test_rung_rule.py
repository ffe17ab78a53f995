"""The rule at rungs: what is stopped, what never is, and what is expected of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.early_stopping.rung_rule import LEAST_TRIALS, decide, foreseen

RUNG = "66 of 600 steps"


def finished(rank_noise: float, n: int = 30) -> list[tuple[float, float]]:
    """Trials whose end is half their value at the rung, with some noise."""
    rng = np.random.default_rng(0)
    rungs = rng.uniform(4.0, 5.0, n)
    return [(float(x), float(x / 2 + rank_noise * rng.normal())) for x in rungs]


def test_nothing_is_decided_before_enough_trials_have_finished() -> None:
    assert decide(9.0, finished(0.01, LEAST_TRIALS - 1), direction="minimize", rung=RUNG) is None
    assert decide(9.0, finished(0.01, LEAST_TRIALS), direction="minimize", rung=RUNG) is not None


def test_a_rung_that_tells_the_end_stops_what_can_not_win() -> None:
    found = decide(4.8, finished(0.01), direction="minimize", rung=RUNG)
    assert found is not None
    assert found.stop
    assert found.expected == pytest.approx(2.4, abs=0.03)
    assert found.why.startswith("4.8 at 66 of 600 steps: such trials end at 2.4")
    assert "is not expected to become the best" in found.why


def test_what_may_be_the_best_goes_on_and_says_so() -> None:
    found = decide(4.0, finished(0.01), direction="minimize", rung=RUNG)
    assert found is not None
    assert not found.stop
    assert "may be the best yet" in found.why


def test_a_rung_that_says_nothing_stops_nobody() -> None:
    rng = np.random.default_rng(1)
    pairs = [(float(a), float(b)) for a, b in rng.normal(size=(40, 2))]
    for value in np.linspace(-2, 2, 9):
        found = decide(float(value), pairs, direction="minimize", rung=RUNG)
        assert found is not None
        assert not found.stop


def test_a_rung_that_is_the_wrong_way_round_promises_nothing() -> None:
    backwards = [(x, -x) for x in np.linspace(1.0, 2.0, 12)]
    outlook = foreseen(1.0, [(float(a), float(b)) for a, b in backwards])
    assert outlook is not None
    assert outlook[0] == pytest.approx(-1.5)


def test_equal_values_at_the_rung_are_no_division_by_zero() -> None:
    found = decide(1.0, [(1.0, float(i)) for i in range(10)], direction="minimize", rung=RUNG)
    assert found is not None
    assert not found.stop


@given(value=st.floats(3.5, 5.5), noise=st.floats(0.001, 0.3))
def test_maximising_is_the_mirror_of_minimising(value: float, noise: float) -> None:
    down = decide(value, finished(noise), direction="minimize", rung=RUNG)
    up = decide(-value, [(-a, -b) for a, b in finished(noise)], direction="maximize", rung=RUNG)
    assert down is not None
    assert up is not None
    assert down.stop == up.stop
    assert down.expected == pytest.approx(-up.expected if up.expected is not None else None)


@given(better=st.floats(3.0, 6.0), worse=st.floats(0.0, 2.0))
def test_a_better_value_at_the_rung_is_never_stopped_where_a_worse_one_goes_on(
    better: float, worse: float
) -> None:
    trials = finished(0.02)
    first = decide(better, trials, direction="minimize", rung=RUNG)
    second = decide(better + worse, trials, direction="minimize", rung=RUNG)
    assert first is not None
    assert second is not None
    middle = float(np.mean([rung for rung, _ in trials]))
    if better > middle:  # left of the middle a far value is less sure, so it may go on for that reason
        assert second.stop or not first.stop
