"""Lines in the log of the horizon: the power law of the best lr, and the margin."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.statistics.intervals import Interval
from search.statistics.log_trend import fit_log_trend
from search.statistics.lr_curve import Bracket, LrCurve, fit_lr_curve
from search.statistics.transfer_fit import fit_gain_trend, fit_power_law, with_shared_slope

HORIZONS = [200, 600, 1800]


def vertex(lr: float | None, log_error: float = 0.1, bracket: Bracket = "bracketed") -> LrCurve:
    return LrCurve(
        bracket=bracket, lr=lr, interval=Interval(0.0, math.inf), log_error=log_error, used=5, dropped=0
    )


def test_a_line_by_hand() -> None:
    # one up with each decade; in decades the errors are 0.1 / sqrt(3) of the mean, 0.1 / sqrt(2) of the slope
    trend, decade = fit_log_trend([10, 100, 1000], [1.0, 2.0, 3.0], [0.1] * 3), math.log(10)
    assert (trend.slope, trend.level, trend.centre) == pytest.approx((1 / decade, 2.0, 2 * decade))
    assert trend.level_error == pytest.approx(0.1 / math.sqrt(3))
    assert trend.slope_error == pytest.approx(0.1 / math.sqrt(2) / decade)
    assert trend.excess == 1.0


def test_points_off_the_line_widen_its_errors() -> None:
    straight = fit_log_trend([100, 1000, 10000], [1.0, 2.0, 3.0], [0.1] * 3)
    bent = fit_log_trend([100, 1000, 10000], [1.0, 3.0, 3.0], [0.1] * 3)
    # residuals -1/3, 2/3, -1/3 of 0.1 each: chi-square 66.7 with one degree of freedom
    assert bent.excess == pytest.approx(math.sqrt(200 / 3))
    assert bent.slope_error == pytest.approx(straight.slope_error * bent.excess)


def test_the_sharper_point_weighs_more() -> None:
    trend = fit_log_trend([100, 1000, 10000], [1.0, 1.0, 5.0], [0.01, 0.01, 10.0])
    assert trend.at(1000)[0] == pytest.approx(1.0, abs=1e-3)


def test_the_power_law_is_recovered() -> None:
    law = fit_power_law(HORIZONS, [vertex(2.0 * steps**-0.4) for steps in HORIZONS])
    assert (law.b, law.beta) == pytest.approx((2.0, 0.4))
    lr, interval = law.predict(9000)
    assert lr == pytest.approx(2.0 * 9000**-0.4)
    assert interval.low < lr < interval.high
    assert 0.4 in law.beta_interval


def test_the_farther_the_less_is_known() -> None:
    law = fit_power_law(HORIZONS, [vertex(2.0 * steps**-0.4) for steps in HORIZONS])
    near, far = law.predict(3600)[1], law.predict(36000)[1]
    assert far.high / far.low > near.high / near.low


def test_too_far_is_refused_unless_asked_for() -> None:
    law = fit_power_law(HORIZONS, [vertex(2.0 * steps**-0.4) for steps in HORIZONS])
    assert law.predict(54_000)[0] > 0
    with pytest.raises(
        ValueError, match=r"54,001 steps are more than 30 times the longest horizon .*\(1,800\)"
    ):
        law.predict(54_001)
    assert law.predict(54_001, however_far=True)[0] > 0


def test_too_short_is_refused_likewise() -> None:
    law = fit_power_law(HORIZONS, [vertex(2.0 * steps**-0.4) for steps in HORIZONS])
    assert law.predict(67)[0] > 0
    with pytest.raises(ValueError, match=r"66 steps are less than a third of the shortest horizon .*\(200\)"):
        law.predict(66)
    assert law.predict(3, however_far=True)[0] > 0
    margin = fit_gain_trend(HORIZONS, [[0.1, 0.11, 0.12]] * 3)
    assert margin.at(67).standing == "expected"
    assert margin.at(66).standing == "not known"
    assert margin.at(66).too_far == "less than a third of the shortest horizon that was trained (200)"


@given(factor=st.floats(1e-3, 1e3))
def test_scaled_lrs_scale_what_is_foretold(factor: float) -> None:
    found = [0.3, 0.2, 0.11]
    here = fit_power_law(HORIZONS, [vertex(lr) for lr in found]).predict(9000)
    there = fit_power_law(HORIZONS, [vertex(factor * lr) for lr in found]).predict(9000)
    assert there[0] == pytest.approx(factor * here[0])
    assert there[1].high == pytest.approx(factor * here[1].high)


def test_from_sweeps_to_the_long_run_covers_the_truth() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        curves = []
        for steps in HORIZONS:
            best = 2.0 * steps**-0.4
            offsets = 0.35 * np.arange(-4, 5)
            values = rng.normal(2 + 0.05 * offsets**2, 0.01).tolist()
            lrs = (best * np.exp(offsets)).tolist()
            curves.append(fit_lr_curve(lrs, values, window=0.3, direction="minimize"))
        held += 2.0 * 9000**-0.4 in fit_power_law(HORIZONS, curves).predict(9000)[1]
    assert held / 200 > 0.92


@pytest.mark.parametrize(
    ("bracket", "match"),
    [
        ("beyond the lowest lr", "sweep at 600 steps has its best lr beyond the lowest lr; train more lrs"),
        ("no minimum", "sweep at 600 steps is flat; train lrs farther apart"),
    ],
)
def test_a_sweep_without_its_minimum_is_refused(bracket: Bracket, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        fit_power_law(HORIZONS, [vertex(0.3), vertex(None, math.inf, bracket), vertex(0.1)])


def test_the_margin_where_measured_expected_and_not_known() -> None:
    noise = np.array([-0.001, 0.0, 0.001, 0.0005, -0.0005])
    gains = [0.05 + 0.01 * math.log(steps / 200) + noise for steps in HORIZONS]
    margin = fit_gain_trend(HORIZONS, [each.tolist() for each in gains])
    measured = margin.at(600)
    assert (measured.standing, measured.sign) == ("measured", "better")
    assert measured.gain == pytest.approx(float(np.mean(gains[1])))
    expected = margin.at(9000)
    assert (expected.standing, expected.sign) == ("expected", "better")
    assert expected.gain == pytest.approx(0.05 + 0.01 * math.log(45), abs=1e-9)
    assert margin.at(54_001).standing == "not known"
    assert margin.at(54_001, however_far=True).standing == "expected"


def test_a_lead_that_melts_away_is_not_known_farther_on() -> None:
    noise = np.array([-0.002, 0.0, 0.002, 0.001, -0.001])
    gains = [0.03 - 0.012 * math.log(steps / 200) + noise for steps in HORIZONS]
    margin = fit_gain_trend(HORIZONS, [each.tolist() for each in gains])
    assert margin.at(200).sign == "better"
    zero = round(200 * math.exp(0.03 / 0.012))  # the line crosses 0 here
    assert (margin.at(zero).standing, margin.at(zero).sign) == ("not known", "undecided")
    assert (margin.at(40_000).standing, margin.at(40_000).sign) == ("expected", "worse")


def test_measured_without_a_difference_is_measured_all_the_same() -> None:
    margin = fit_gain_trend(HORIZONS, [[-1.0, 1.0, 0.1], [-1.0, 1.0, 0.2], [-1.0, 1.0, 0.3]])
    assert (margin.at(600).standing, margin.at(600).sign) == ("measured", "undecided")


def test_the_margin_covers_the_truth_with_few_seeds() -> None:
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(400):
        gains = [
            rng.normal(0.03 - 0.004 * math.log(steps), spread, size=5).tolist()
            for steps, spread in zip(HORIZONS, (0.03, 0.02, 0.015), strict=True)
        ]
        held += 0.03 - 0.004 * math.log(9000) in fit_gain_trend(HORIZONS, gains).at(9000).interval
    assert held / 400 > 0.93


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"3 different horizons of 1 step or more but has .*; train another"):
        fit_log_trend([100, 100, 200], [1.0, 1.0, 1.0], [0.1] * 3)
    with pytest.raises(ValueError, match="must have the same length but have lengths 3, 2 and 3"):
        fit_log_trend(HORIZONS, [1.0, 1.0], [0.1] * 3)
    with pytest.raises(ValueError, match="errors must be above 0 but the smallest is 0"):
        fit_log_trend(HORIZONS, [1.0, 1.0, 1.0], [0.1, 0.0, 0.1])
    with pytest.raises(ValueError, match="steps must be at least 1 but is 0"):
        fit_log_trend(HORIZONS, [1.0, 2.0, 3.0], [0.1] * 3).at(0)
    with pytest.raises(ValueError, match="gains at 600 steps are identical"):
        fit_gain_trend(HORIZONS, [[0.1, 0.2], [0.1, 0.1], [0.1, 0.3]])
    with pytest.raises(ValueError, match="gains at 600 steps must be a list of at least 2"):
        fit_gain_trend(HORIZONS, [[0.1, 0.2], [0.1], [0.1, 0.3]])


def test_one_exponent_for_all_shapes_with_their_own_levels() -> None:
    sharp = fit_power_law(HORIZONS, [vertex(2.0 * steps**-0.4, 0.05) for steps in HORIZONS])
    vague = fit_power_law(HORIZONS, [vertex(5.0 * steps**-0.1, 0.5) for steps in HORIZONS])
    one, other = with_shared_slope([sharp, vague])
    assert one.beta == other.beta == pytest.approx(0.4, abs=0.01)
    middle = math.exp(vague.trend.centre)
    assert other.predict(round(middle))[0] == pytest.approx(5.0 * middle**-0.1, rel=0.01)


def test_exponents_that_contradict_each_other_widen_the_error() -> None:
    laws = [
        fit_power_law(HORIZONS, [vertex(2.0 * steps**-beta, 0.05) for steps in HORIZONS])
        for beta in (0.1, 0.7)
    ]
    shared = with_shared_slope(laws)[0].trend
    assert shared.slope == pytest.approx(-0.4)
    assert shared.slope_error > 0.2
