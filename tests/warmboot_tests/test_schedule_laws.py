"""Laws that hold for every schedule on every horizon that has room for it."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tests.warmboot_tests.strategies import laid_out
from warmboot.curves import Constant, FloatArray
from warmboot.schedule import WarmbootSchedule

LaidOut = tuple[WarmbootSchedule, int]


@given(laid_out())
def test_warm_up_rises_strictly_between_0_and_1(laid: LaidOut) -> None:
    schedule, total_steps = laid
    warmup = schedule.factors(total_steps)[: schedule.layout(total_steps).warmup_steps]
    assert np.all((warmup > 0.0) & (warmup < 1.0))
    assert np.all(np.diff(warmup) > 0.0)


@given(laid_out())
def test_every_cycle_falls_from_its_exact_peak_to_its_exact_floor(laid: LaidOut) -> None:
    schedule, total_steps = laid
    factors = schedule.factors(total_steps)
    constant = isinstance(schedule.curve, Constant)
    for cycle in schedule.layout(total_steps).cycles:
        values = factors[cycle.start : cycle.end]
        floor = cycle.peak * schedule.eta_min
        assert np.all((values >= floor) & (values <= cycle.peak))
        assert np.all(np.diff(values) <= 0.0)
        assert values[0] == cycle.peak
        assert len(values) == 1 or values[-1] == (cycle.peak if constant else floor)


@given(laid_out())
def test_peaks_are_the_left_to_right_product_of_the_scales(laid: LaidOut) -> None:
    schedule, total_steps = laid
    scales = schedule.step_scale
    each = scales if isinstance(scales, tuple) else (scales,) * len(schedule.restarts)
    peak, peaks = 1.0, [1.0]
    for scale in each:
        peak = peak * scale
        peaks.append(peak)
    assert [cycle.peak for cycle in schedule.layout(total_steps).cycles] == peaks


@given(laid_out(), st.integers(0, 500))
def test_one_factor_has_the_bits_of_all_factors(laid: LaidOut, step: int) -> None:
    schedule, total_steps = laid
    factors = schedule.factors(total_steps)
    assert schedule.factor(step, total_steps) == factors[min(step, total_steps - 1)]


@given(laid_out(), st.data())
def test_any_part_of_the_factors_has_the_bits_of_the_whole(laid: LaidOut, data: st.DataObject) -> None:
    schedule, total_steps = laid
    start = data.draw(st.integers(0, total_steps - 1))
    stop = data.draw(st.integers(start + 1, total_steps))
    part = schedule.factors_between(schedule.layout(total_steps), start, stop)
    assert part.tobytes() == schedule.factors(total_steps)[start:stop].tobytes()


def lr_tables(laid: LaidOut, lr: float) -> tuple[FloatArray, FloatArray]:
    """The lrs of a schedule whose peak is `3 * lr`, and three times those of one whose peak is `lr`."""
    schedule, total_steps = laid
    table = schedule.replace(lr=lr).lr_table(total_steps)
    return schedule.replace(lr=3 * lr).lr_table(total_steps), 3 * table


# `eta_min` may be the smallest normal float there is, and then the lr at the floor is no normal one
NO_NORMAL_FLOOR = WarmbootSchedule(eta_min=2.2250738585072014e-308)


@given(laid_out(), st.floats(1e-6, 1e6))
@example((NO_NORMAL_FLOOR, 2), 1e-6)
def test_scaling_the_base_lr_scales_every_normal_lr(laid: LaidOut, lr: float) -> None:
    scaled, expected = lr_tables(laid, lr)
    normal = expected >= 3 * np.finfo(float).smallest_normal
    assert np.allclose(scaled[normal], expected[normal], rtol=1e-15, atol=0.0)


@given(laid_out(), st.floats(1e-6, 1e6))
@example((NO_NORMAL_FLOOR, 2), 1e-6)
def test_below_the_normal_floats_an_lr_is_off_by_two_of_the_smallest_at_most(
    laid: LaidOut, lr: float
) -> None:
    scaled, expected = lr_tables(laid, lr)
    below = expected < 3 * np.finfo(float).smallest_normal
    assert np.all(np.abs(scaled[below] - expected[below]) <= 2 * np.finfo(float).smallest_subnormal)


@given(laid_out(), st.floats(1e-6, 1e6))
def test_an_lr_is_the_peak_lr_times_the_factor(laid: LaidOut, lr: float) -> None:
    schedule, total_steps = laid
    table = schedule.replace(lr=lr).lr_table(total_steps)
    assert table.tolist() == [lr * factor for factor in schedule.factors(total_steps).tolist()]
