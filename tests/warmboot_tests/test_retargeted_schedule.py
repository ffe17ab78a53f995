"""What becomes of a schedule when the horizon of a run changes on the way."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.warmboot_tests.strategies import laid_out
from warmboot.curves import Constant
from warmboot.errors import ScheduleError
from warmboot.retargeted_schedule import Decay, RetargetedSchedule, Warmup, retargetable
from warmboot.schedule import WarmbootSchedule

LaidOut = tuple[WarmbootSchedule, int]
LINEAR = WarmbootSchedule(curve="linear")


def factors(run_schedule: RetargetedSchedule) -> list[float]:
    return list(run_schedule.factors_between(0, run_schedule.total_steps).tolist())


@st.composite
def changed(draw: st.DrawFn, most_changes: int = 3) -> RetargetedSchedule:
    """One whose horizon was changed, once or more often."""
    schedule, total_steps = draw(laid_out(longest=200))
    run_schedule = retargetable(schedule, total_steps)
    for _ in range(draw(st.integers(1, most_changes))):
        assume(run_schedule.phases[-1].start <= run_schedule.total_steps - 2)
        at_step = draw(st.integers(run_schedule.phases[-1].start, run_schedule.total_steps - 2))
        try:
            run_schedule = run_schedule.retargeted(at_step, draw(st.integers(at_step + 1, 500)))
        except ScheduleError:
            assume(False)
    return run_schedule


@given(laid_out())
def test_a_schedule_that_was_never_changed_has_the_bits_of_its_schedule(laid: LaidOut) -> None:
    schedule, total_steps = laid
    run_schedule = retargetable(schedule, total_steps)
    assert run_schedule.retargets == []
    assert factors(run_schedule) == schedule.factors(total_steps).tolist()


@given(changed(), st.data())
def test_nothing_changes_up_to_the_step_of_the_change(
    run_schedule: RetargetedSchedule, data: st.DataObject
) -> None:
    assume(run_schedule.phases[-1].start <= run_schedule.total_steps - 2)
    at_step = data.draw(st.integers(run_schedule.phases[-1].start, run_schedule.total_steps - 2))
    try:
        after = run_schedule.retargeted(at_step, data.draw(st.integers(at_step + 1, 500)))
    except ScheduleError:
        assume(False)
    assert factors(after)[: at_step + 1] == factors(run_schedule)[: at_step + 1]


@given(changed())
def test_the_parts_ahead_keep_their_exact_peaks_and_floors(run_schedule: RetargetedSchedule) -> None:
    schedule, values = run_schedule.schedule, factors(run_schedule)
    phase = run_schedule.phases[-1]
    assert [piece.end for piece in phase.pieces[:-1]] == [piece.start for piece in phase.pieces[1:]]
    assert phase.pieces[-1].end == run_schedule.total_steps == len(values)
    for piece in phase.pieces[1:]:
        assert isinstance(piece, Decay)
        assert values[piece.start] == piece.peak
    for piece in phase.pieces:
        if isinstance(piece, Decay) and piece.end - piece.start > 1:
            floor = piece.peak * (1.0 if isinstance(schedule.curve, Constant) else schedule.eta_min)
            assert values[piece.end - 1] == floor


@given(changed())
def test_warm_up_rises_and_cycles_fall_within_the_bounds_of_the_schedule(
    run_schedule: RetargetedSchedule,
) -> None:
    values = factors(run_schedule)
    assert min(values) >= 0.0
    assert max(values) <= max(run_schedule.schedule.peaks())
    for piece in run_schedule.phases[-1].pieces:
        steps = np.diff(values[piece.start : piece.end])
        assert np.all(steps > 0.0) if isinstance(piece, Warmup) else np.all(steps <= 0.0)


@given(changed(), st.data())
def test_any_part_of_a_schedule_has_the_bits_of_the_whole(
    run_schedule: RetargetedSchedule, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, run_schedule.total_steps - 1))
    stop = data.draw(st.integers(start + 1, run_schedule.total_steps))
    assert run_schedule.factors_between(start, stop).tolist() == factors(run_schedule)[start:stop]


@given(changed(most_changes=6))
def test_the_changes_are_all_there_is_to_save(run_schedule: RetargetedSchedule) -> None:
    again = retargetable(run_schedule.schedule, run_schedule.layout.total_steps, run_schedule.retargets)
    assert again == run_schedule
    assert factors(again) == factors(run_schedule)


@given(laid_out(longest=100), st.data())
def test_longer_and_back_at_once_is_the_old_schedule(laid: LaidOut, data: st.DataObject) -> None:
    schedule, total_steps = laid[0].replace(hold=0.0), laid[1]
    assume(total_steps >= 2)
    at_step = data.draw(st.integers(0, total_steps - 2))
    longer = retargetable(schedule, total_steps).retargeted(at_step, data.draw(st.integers(total_steps, 999)))
    back = longer.retargeted(at_step, total_steps)
    assert factors(back) == pytest.approx(schedule.factors(total_steps).tolist(), rel=1e-9, abs=1e-15)


# each expected value by hand
CASES: list[tuple[str, WarmbootSchedule, int, list[tuple[int, int]], list[float]]] = [
    ("twice as long", LINEAR, 5, [(2, 7)], [1, 3 / 4, 1 / 2, 3 / 8, 1 / 4, 1 / 8, 0]),
    ("shorter", LINEAR, 9, [(4, 7)], [1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 2 / 8, 0]),
    ("at once", LINEAR, 5, [(0, 3)], [1, 1 / 2, 0]),
    ("ends at the present step", LINEAR, 5, [(2, 3)], [1, 3 / 4, 1 / 2]),
    ("twice", LINEAR, 5, [(2, 7), (4, 6)], [1, 3 / 4, 1 / 2, 3 / 8, 1 / 4, 0]),
    (
        "in the middle of warm-up, which is stretched as well",
        WarmbootSchedule(warmup=0.5, curve="linear"),
        6,  # 1/4, 2/4, 3/4 and then 1, 1/2, 0
        [(1, 11)],  # five steps left become ten: two of warm-up four
        [1 / 4, 2 / 4, 5 / 8, 6 / 8, 7 / 8, 1, 4 / 5, 3 / 5, 2 / 5, 1 / 5, 0],
    ),
    (
        "in the middle of a warm-up that is given in steps",
        WarmbootSchedule(warmup_steps=3, curve="linear"),
        6,
        [(1, 9)],
        [1 / 4, 2 / 4, 3 / 4, 1, 4 / 5, 3 / 5, 2 / 5, 1 / 5, 0],
    ),
    (
        "a restart ahead moves along",
        WarmbootSchedule(restarts=[0.5], step_scale=0.5, curve="linear"),
        6,  # 1, 1/2, 0 and then 1/2, 1/4, 0
        [(1, 11)],  # the restart was two steps away and will be four
        [1, 1 / 2, 1 / 3, 1 / 6, 0, 1 / 2, 2 / 5, 3 / 10, 2 / 10, 1 / 10, 0],
    ),
    (
        "what is left of a hold is stretched",
        WarmbootSchedule(hold=0.5, curve="linear"),
        8,  # five at the peak, then 2/3, 1/3, 0
        [(2, 13)],  # two more at the peak of five become four of ten
        [1, 1, 1, 1, 1, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0],
    ),
    (
        "at a restart",
        WarmbootSchedule(restarts=[0.5], step_scale=0.5, curve="linear"),
        4,
        [(2, 5)],
        [1, 0, 1 / 2, 1 / 4, 0],
    ),
    (
        "a cycle under way keeps the step that it is at",
        WarmbootSchedule(restarts=[0.5], step_scale=0.5, curve="linear"),
        12,
        [(5, 7)],
        [1, 0.8, 0.6, 0.4, 0.2, 0, 0.5],
    ),
]


@pytest.mark.parametrize(
    ("schedule", "total_steps", "retargets", "expected"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_by_hand(
    schedule: WarmbootSchedule, total_steps: int, retargets: list[tuple[int, int]], expected: list[float]
) -> None:
    run_schedule = retargetable(schedule, total_steps, retargets)
    assert run_schedule.retargets == retargets
    assert factors(run_schedule) == pytest.approx(expected, rel=1e-14, abs=1e-16)


def test_the_present_horizon_changes_nothing() -> None:
    run_schedule = retargetable(LINEAR, 5)
    assert run_schedule.retargeted(2, 5) is run_schedule


@pytest.mark.parametrize(
    ("at_step", "total_steps", "text"),
    [
        (9, 20, "at_step must be before the last step of the present horizon, 9"),
        (10, 20, "nothing of the schedule is left to stretch"),
        (30, 20, "nothing of the schedule is left to stretch"),
        (3, 3, "total_steps must be more than at_step, 3"),
        (3, 0, "total_steps must be at least 1"),
        (-1, 20, "at_step must be at least 0"),
        (2.0, 20, "at_step must be an integer"),
        (True, 20, "at_step must be an integer"),
        (3, "20", "total_steps must be an integer"),
    ],
)
def test_what_can_not_be_stretched_is_refused(at_step: Any, total_steps: Any, text: str) -> None:
    with pytest.raises(ScheduleError, match=text):
        retargetable(LINEAR, 10).retargeted(at_step, total_steps)


def test_a_part_without_a_step_is_refused_with_the_boundaries() -> None:
    run_schedule = retargetable(WarmbootSchedule(restarts=[0.5, 0.9]), 20)
    with pytest.raises(ScheduleError, match=r"begins at step 18 gets no step.* \[2, 3, 5, 5\] "):
        run_schedule.retargeted(2, 5)
    fixed = retargetable(WarmbootSchedule(warmup_steps=8), 20)
    with pytest.raises(ScheduleError, match="warm-up alone lasts until step 8"):
        fixed.retargeted(2, 7)


def test_the_horizon_changes_in_the_order_of_time() -> None:
    run_schedule = retargetable(LINEAR, 20, [(8, 30)])
    with pytest.raises(ScheduleError, match="at_step must be at least 8, where the horizon was last changed"):
        run_schedule.retargeted(7, 40)


def test_a_horizon_that_changes_every_step_is_no_burden() -> None:
    run_schedule = retargetable(LINEAR, 3000)
    for step in range(2000):
        run_schedule = run_schedule.retargeted(step, 3001 + step)
    assert run_schedule.total_steps == 5000
    assert np.all(np.diff(run_schedule.factors_between(0, 5000)) <= 0.0)
