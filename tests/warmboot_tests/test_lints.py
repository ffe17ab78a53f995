"""What is wrong is found, with its step; what is fine is left alone."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from tests.warmboot_tests.strategies import laid_out
from warmboot.baseline_schedules import baselines
from warmboot.curves import FloatArray
from warmboot.errors import ScheduleError
from warmboot.lints import Finding, Level, lint_factors, lint_schedule
from warmboot.schedule import WarmbootSchedule
from warmboot.segmentation import Dip, Span, segment

FALL = np.linspace(1.0, 0.1, 100)
WARMUP = np.linspace(0.05, 1.0, 20)


def joined(*parts: FloatArray | list[float]) -> FloatArray:
    return np.concatenate([np.asarray(part, dtype=np.float64) for part in parts])


# what is wrong -> the numbers, the step it is said of, and words that must be there
WRONG: dict[str, tuple[FloatArray, int, str]] = {
    # 1 step in 120 is under 1%
    "first_lr_is_0": (joined(np.linspace(0.0, 1.0, 20), FALL[1:]), 0, "step 0 is trained for nothing"),
    # the end of warm-up is at step 19; two steps below it, then the peak
    "dip_after_warmup": (
        joined(WARMUP, [0.97, 0.97], FALL),
        20,
        "to 0.97 (step 20 on), and is back at step 22",
    ),
    # half a cosine more than the schedule has
    "rise_past_the_end": (joined(FALL, [0.2, 0.3, 0.4]), 100, "from 0.1 at step 99 to 0.4 at the last"),
    "short_cycle": (joined(FALL, FALL[:5], FALL), 100, "the cycle at step 100 has 5 steps, under 10"),
    "much_at_lr_0": (joined(FALL, [0.0, 0.0]), 100, "2 steps of 102 (1.96%) at lr 0"),
    # warm-up as long as the run that it was made for, in one that is half as long
    "long_warmup": (joined(np.linspace(0.01, 1.0, 120), FALL), 119, "warm-up takes 119 of 220 steps"),
    # as where a horizon in steps is stepped once an epoch
    "barely_falls": (joined(WARMUP, np.linspace(1.0, 0.95, 100)), 119, "the last is 95% of the last peak"),
    "held_at_the_end": (
        joined(FALL, [0.1] * 40),
        99,
        "the last 41 of 140 steps stay at 0.1, from step 99 on",
    ),
    "low_last_peak": (joined(FALL, FALL * 1e-2 * 0.9, FALL * 5e-3), 200, "peaks at 0.005 of the highest"),
}
FINE: dict[str, FloatArray] = {
    "constant": np.full(100, 0.3),
    "falling": FALL,
    "warm-up and restarts": joined(WARMUP, FALL, FALL * 0.8, FALL * 0.5),
    # a restart at the same peak soon after warm-up goes down first
    "a first cycle shorter than warm-up": joined(WARMUP, np.linspace(0.95, 0.1, 15), FALL),
    "a restart that stays up": joined(FALL, np.full(50, 0.5)),
    "by epochs": np.repeat(FALL, 7),
    "stairs with a long last one": np.repeat([1.0, 0.1, 0.01], [30, 30, 140]),
    "ten epochs": np.repeat(np.linspace(1.0, 0.1, 10), 20),
    "warm-up of half": joined(np.linspace(0.01, 1.0, 100), FALL),
    "a little noise of the last bits": FALL * (1 + 1e-15 * np.resize([1.0, -1.0], 100)),
    "one of a hundred steps at 0": joined(FALL[:-1], [0.0]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_numbers_is_said_at_its_step(name: str) -> None:
    values, step, words = WRONG[name]
    findings = lint_factors(values)
    assert [(finding.name, finding.step) for finding in findings] == [(name, step)]
    assert words in findings[0].words


@pytest.mark.parametrize("name", FINE)
@pytest.mark.parametrize("scale", [1.0, 3e-4])
def test_what_is_fine_is_left_alone_whatever_its_unit(name: str, scale: float) -> None:
    assert lint_factors(FINE[name] * scale) == []


def test_a_skipped_peak_and_a_floor_never_trained_are_measured_where_they_were_meant() -> None:
    levels = [
        Level("peak", "the peak", 1.0, 1.0, 0, 100),
        Level("peak", "the second peak", 0.8, 0.8, 100, 198),  # FALL passes it in the first cycle
        Level("floor", "the floor", 0.05, 1.0, 0, 198),
        Level("floor", "another floor", 0.08 + 1e-6, 0.8, 100, 198),  # as good as trained
        Level("peak", "a third peak", 0.5, 0.5, 198, 198),
    ]
    values = joined(FALL, FALL[2:] * 0.8)
    never = "is never trained"
    assert lint_factors(values, levels=levels) == [
        Finding("skipped_peak", 100, f"the second peak, 0.8, {never}: the nearest is 0.785455 at step 100"),
        Finding("untrained_floor", 197, f"the floor, 0.05, {never}: the nearest is 0.08 at step 197"),
        Finding("skipped_peak", 197, f"a third peak, 0.5, {never}: no step is left for it"),
    ]


@pytest.mark.parametrize("values", [[], [[1.0]], [1.0, float("nan")], [-0.1]])
def test_what_is_no_list_of_lrs_is_refused(values: list[float]) -> None:
    with pytest.raises(ScheduleError, match="finite numbers, none below 0"):
        lint_factors(values)


def test_a_list_of_zeros_has_nothing_to_lint_but_zeros() -> None:
    assert [finding.name for finding in lint_factors([0.0] * 20)] == ["first_lr_is_0", "much_at_lr_0"]


SCHEDULES: list[tuple[WarmbootSchedule, int, list[tuple[str, int]]]] = [
    (WarmbootSchedule(warmup=0.001), 400, [("warmup_rounds_to_0", 0)]),
    (WarmbootSchedule(warmup=0.001), 500, []),
    (WarmbootSchedule(warmup_steps=0), 500, []),  # none was asked for
    (WarmbootSchedule(warmup_steps=500), 900, [("long_warmup", 500)]),
    (WarmbootSchedule(warmup_steps=500), 1000, []),
    (WarmbootSchedule(hold=0.995), 1000, [("short_fall", 996)]),
    (WarmbootSchedule(hold=0.9), 1000, []),
    (WarmbootSchedule(hold=0.995, curve="constant"), 1000, []),
    (WarmbootSchedule(restarts=[0.5, 0.51, 0.52]), 500, [("short_cycle", 250)]),
    (WarmbootSchedule(restarts=[0.5]), 100, [("much_at_lr_0", 49)]),
    (WarmbootSchedule(restarts=[0.5], step_scale=0.009), 1000, [("low_last_peak", 500)]),
    (WarmbootSchedule(restarts=[0.5], step_scale=0.01), 1000, []),
]


@pytest.mark.parametrize(("schedule", "total_steps", "expected"), SCHEDULES)
def test_a_schedule_is_looked_at_on_its_horizon(
    schedule: WarmbootSchedule, total_steps: int, expected: list[tuple[str, int]]
) -> None:
    found = lint_schedule(schedule, total_steps)
    assert [(finding.name, finding.step) for finding in found] == expected


@pytest.mark.parametrize("name", baselines())
def test_the_standards_are_fine(name: str) -> None:
    assert lint_schedule(baselines()[name], 1000) == []


@given(laid_out())
def test_the_flaws_of_foreign_schedules_are_not_found_in_ours(
    laid: tuple[WarmbootSchedule, int],
) -> None:
    schedule, total_steps = laid
    found = lint_schedule(schedule, total_steps)
    ours = {"warmup_rounds_to_0", "short_cycle", "much_at_lr_0", "low_last_peak", "long_warmup", "short_fall"}
    assert {finding.name for finding in found} <= ours
    assert all(0 <= finding.step < total_steps for finding in found)


@given(laid_out())
def test_numbers_are_linted_whatever_they_are(laid: tuple[WarmbootSchedule, int]) -> None:
    schedule, total_steps = laid
    values = schedule.factors(total_steps)
    assert all(0 <= finding.step < total_steps for finding in lint_factors(values))
    cycles = segment(values).cycles
    assert all(cycle.start < cycle.end for cycle in cycles)
    assert all(one.end == next_.start for one, next_ in pairwise(cycles))


def test_the_parts_of_a_list() -> None:
    parts = segment(joined(WARMUP, [0.97], FALL, FALL * 0.5, [0.1, 0.2]))
    assert parts.warmup_end == 19
    assert parts.dip == Dip(20, 20, 21)
    assert parts.cycles == (Span(19, 121), Span(121, 221))
    assert parts.late_rise == 220
    assert segment(WARMUP).cycles == ()


def test_a_training_cut_off_near_its_peak_is_told_by_its_floor_where_that_is_known() -> None:
    values = np.linspace(1.0, 0.95, 100)
    floor = Level("floor", "the floor", 0.1, 1.0, 0, 100)
    assert [finding.name for finding in lint_factors(values)] == ["barely_falls"]
    assert [finding.name for finding in lint_factors(values, levels=[floor])] == ["untrained_floor"]
