"""The sequential comparison: its outcomes, its laws, and its error by simulation."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from search.statistics.paired import PairedRuns
from search.statistics.sequential import STATED_PLAN, Look, LookPlan, claims, take_looks

# Differences of mean 0 and standard deviation 1: ten of them, in the order -1, +1, ...
ALTERNATING = np.tile([-1.0, 1.0], 15)
MIRRORED = {
    "win": "lose",
    "lose": "win",
    "equivalent": "equivalent",
    "not settled": "not settled",
    None: None,
}


def from_gains(gains: object, *, around: float = 0.0) -> PairedRuns:
    """Pairs with these gains, whose standard trains to `around` with every seed."""
    array = np.asarray(gains, dtype=np.float64)
    return PairedRuns(candidate=tuple(around - array), standard=(around,) * len(array), direction="minimize")


def outcomes(looks: tuple[Look, ...]) -> list[tuple[int, str | None]]:
    return [(look.n_pairs, look.outcome) for look in looks]


def test_too_few_pairs_are_not_looked_at() -> None:
    assert take_looks(from_gains([1.0, 2.0, 1.5, 1.2]), margin=0.1) == ()


@pytest.mark.parametrize(
    ("gains", "margin", "expected"),
    [
        # t(4) at level 0.001 is 8.61: the mean must be 3.85 standard deviations from 0
        (10 + ALTERNATING, 0.5, [(5, "win")]),
        (-10 + ALTERNATING, 0.5, [(5, "lose")]),
        # spread far below the margin: equivalent at once
        (0.01 * ALTERNATING, 0.5, [(5, "equivalent")]),
        # 1.3 standard deviations: settled by the look at 20 (t(19) at 0.012 is 2.77, half-width 0.64)
        (1.0 + ALTERNATING, 0.5, [(5, None), (10, None), (20, "win")]),
        # half-width at 30 pairs: t(29) at 0.042 is 2.13, times 1.017 / sqrt(30) is 0.395
        (0.3 + ALTERNATING, 0.5, [(5, None), (10, None), (20, None), (30, "not settled")]),
        (0.45 + ALTERNATING, 0.5, [(5, None), (10, None), (20, None), (30, "win")]),
        (0.0 + ALTERNATING, 0.5, [(5, None), (10, None), (20, None), (30, "equivalent")]),
        # surely better, yet by less than the margin
        (0.1 + 0.01 * ALTERNATING, 0.5, [(5, "equivalent")]),
        # without a margin nothing is equivalent
        (0.0 + ALTERNATING, 0.0, [(5, None), (10, None), (20, None), (30, "not settled")]),
        (0.1 + 0.01 * ALTERNATING, 0.0, [(5, "win")]),
    ],
)
def test_outcomes_worked_out_by_hand(
    gains: np.ndarray, margin: float, expected: list[tuple[int, str | None]]
) -> None:
    assert outcomes(take_looks(from_gains(gains), margin=margin)) == expected


def test_a_look_reports_its_interval() -> None:
    (look,) = take_looks(from_gains([9.0, 10.0, 11.0, 10.0, 10.0]), margin=0.5)
    half = 8.6103 * np.sqrt(0.5 / 5)  # t(4) at the level 0.001
    assert (look.mean, look.level, look.correlation) == (10.0, 0.001, None)
    assert (look.low, look.high) == pytest.approx((10 - half, 10 + half), abs=1e-3)


def test_pairs_after_the_settling_look_change_nothing() -> None:
    settled = 10 + ALTERNATING[:5]
    reversed_later = np.concatenate([settled, np.full(25, -50.0) + ALTERNATING[5:]])
    assert take_looks(from_gains(reversed_later), margin=0.5) == take_looks(from_gains(settled), margin=0.5)


def test_equal_differences_never_settle_and_stay_json() -> None:
    looks = take_looks(from_gains(np.zeros(30)), margin=0.5)
    assert outcomes(looks)[-1] == (30, "not settled")
    assert json.loads(json.dumps(looks[-1].to_json(), allow_nan=False))["low"] is None


def test_one_diverged_run_keeps_a_comparison_open_and_several_lose_it() -> None:
    gains = 0.02 + 0.01 * ALTERNATING
    assert take_looks(from_gains(gains), margin=0.001)[-1].outcome == "win"
    gains[7] = -2.5  # an untrained loss of 4.6 beside 2.1
    assert take_looks(from_gains(gains), margin=0.001)[-1].outcome == "not settled"
    gains[[2, 11, 13, 17, 22, 28]] = -2.5
    assert take_looks(from_gains(gains), margin=0.001)[-1].outcome == "lose"


some_gains = st.lists(st.floats(-100, 100).map(lambda x: round(x, 3)), min_size=5, max_size=30)


@given(gains=some_gains, margin=st.floats(0, 10))
def test_swapping_the_arms_swaps_win_and_lose(gains: list[float], margin: float) -> None:
    runs = from_gains(gains)
    swapped = replace(runs, candidate=runs.standard, standard=runs.candidate)
    here, there = take_looks(runs, margin=margin), take_looks(swapped, margin=margin)
    assert [MIRRORED[look.outcome] for look in here] == [look.outcome for look in there]
    assert [-look.high for look in here] == pytest.approx([look.low for look in there])


@given(gains=some_gains, margin=st.floats(0, 10), exponent=st.integers(-20, 20))
def test_another_unit_of_the_objective_changes_no_outcome(
    gains: list[float], margin: float, exponent: int
) -> None:
    unit = 2.0**exponent  # exact in floating point
    here = take_looks(from_gains(gains), margin=margin)
    there = take_looks(from_gains(unit * np.asarray(gains)), margin=unit * margin)
    assert outcomes(here) == outcomes(there)


@given(gains=some_gains, margin=st.floats(0, 10), offset=st.integers(-64, 64))
def test_a_shift_of_both_arms_changes_no_outcome(gains: list[float], margin: float, offset: int) -> None:
    exact = np.round(np.asarray(gains) * 64) / 64  # sums of such numbers are exact
    here = take_looks(from_gains(exact), margin=margin)
    there = take_looks(from_gains(exact, around=float(offset)), margin=margin)
    assert outcomes(here) == outcomes(there)


@given(low=st.floats(-5, 5), width=st.floats(0, 10), margin=st.floats(0, 5))
def test_at_most_one_claim_and_none_beyond_the_interval(low: float, width: float, margin: float) -> None:
    held = [name for name, holds in claims(low, low + width, margin).items() if holds]
    assert len(held) <= 1
    if low <= 0 <= low + width:
        assert held in ([], ["equivalent"])


def looked_at_all(draws: np.ndarray, plan: LookPlan) -> np.ndarray:
    """`[comparisons]`: whether any look's interval misses 0; by its own formula."""
    missed = np.zeros(len(draws), dtype=bool)
    for n, level in zip(plan.looks, plan.levels, strict=True):
        missed |= stats.ttest_1samp(draws[:, :n], 0.0, axis=1).pvalue < level
    return missed


@pytest.mark.parametrize(
    ("draw", "low", "high"),
    [
        (lambda rng, shape: rng.normal(size=shape), 0.049, 0.052),  # 0.0503
        (lambda rng, shape: rng.standard_t(5, size=shape), 0.044, 0.050),  # 0.0467
    ],
)
def test_the_levels_add_up_to_five_percent(draw: object, low: float, high: float) -> None:
    assert callable(draw)
    rng = np.random.default_rng(1)
    missed = looked_at_all(draw(rng, (40_000, STATED_PLAN.last)), STATED_PLAN)
    proportion = stats.binomtest(int(missed.sum()), missed.size).proportion_ci(0.999)
    assert proportion.low < high
    assert proportion.high > low


def test_equal_arms_are_told_apart_in_one_comparison_of_twenty() -> None:
    rng = np.random.default_rng(2)
    false = sum(
        take_looks(from_gains(rng.normal(size=30)), margin=0.0)[-1].outcome != "not settled"
        for _ in range(400)
    )
    assert stats.binomtest(false, 400, 0.05).pvalue > 0.001


@pytest.mark.parametrize(
    ("looks", "levels", "match"),
    [
        ((), (), "looks must ascend from 2"),
        ((5, 5), (0.01, 0.04), "looks must ascend from 2"),
        ((1, 5), (0.01, 0.04), "looks must ascend from 2"),
        ((5, 10), (0.05,), "one number between 0 and 1 for each look"),
        ((5, 10), (0.0, 0.05), "one number between 0 and 1 for each look"),
    ],
)
def test_a_plan_that_is_none_is_refused(
    looks: tuple[int, ...], levels: tuple[float, ...], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        LookPlan(looks=looks, levels=levels)


def test_the_next_look() -> None:
    asked = [STATED_PLAN.next_look(n) for n in (0, 5, 7, 20, 30)]
    assert asked == [5, 10, 10, 30, None]
    assert all(a < b for a, b in pairwise(STATED_PLAN.levels))


@pytest.mark.parametrize("margin", [-0.1, float("nan"), float("inf")])
def test_a_margin_that_is_none_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin must be finite and at least 0 but is"):
        take_looks(from_gains(ALTERNATING), margin=margin)


def test_the_statistics_load_neither_torch_nor_optuna() -> None:
    code = (
        "import sys, search.statistics.wording, search.statistics.holm, search.statistics.power\n"
        "print(sorted({'torch', 'optuna', 'sqlalchemy'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
