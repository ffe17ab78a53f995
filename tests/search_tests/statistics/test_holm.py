"""The other standards: Holm's correction, and one row for each."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.statistics.holm import compare_others, holm
from search.statistics.paired import PairedRuns


@pytest.mark.parametrize(
    ("given_values", "adjusted"),
    [
        ([], []),
        ([0.2], [0.2]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),  # 0.04 alone would be 0.04: raised to its forerunner's
        ([0.5, 0.001], [0.5, 0.002]),
        ([0.9, 0.8], [1.0, 1.0]),  # cut at 1
    ],
)
def test_holm_by_hand(given_values: list[float], adjusted: list[float]) -> None:
    assert holm(given_values) == pytest.approx(adjusted)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_lies_between_the_value_and_bonferroni(values: list[float]) -> None:
    for p, q in zip(values, holm(values), strict=True):
        assert p <= q <= min(1.0, p * len(values) * (1 + 1e-12))
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted = [holm(values)[place] for place in order]
    assert adjusted == sorted(adjusted)


@pytest.mark.parametrize("bad", [[-0.1], [1.1]])
def test_what_is_no_probability_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="p_values must lie in 0 to 1"):
        holm(bad)


def pairs(*gains: float) -> PairedRuns:
    return PairedRuns(
        candidate=tuple(-gain for gain in gains), standard=(0.0,) * len(gains), direction="minimize"
    )


def test_rows_by_hand() -> None:
    rows = compare_others({"cosine": pairs(1.0, 2.0, 3.0), "constant": pairs(0.0, 0.0, 0.0, 0.0)})
    assert [(row.name, row.n_pairs, row.gain) for row in rows] == [("cosine", 3, 2.0), ("constant", 4, 0.0)]
    # t = 2 / (1 / sqrt(3)) = 3.4641 with 2 degrees of freedom: p = 1 - t / sqrt(t^2 + 2)
    assert rows[0].p_value == pytest.approx(1 - 3.4641 / math.sqrt(14), abs=1e-4)
    assert rows[0].p_holm == pytest.approx(2 * rows[0].p_value)
    assert (rows[0].low, rows[0].high) == pytest.approx((-0.4841, 4.4841), abs=1e-4)
    # differences without spread say nothing
    assert (rows[1].p_value, rows[1].p_holm, rows[1].low) == (1.0, 1.0, -math.inf)


def test_a_single_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="pairs must be a list of at least 2 numbers"):
        compare_others({"cosine": pairs(1.0)})
