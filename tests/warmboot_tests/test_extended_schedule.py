"""A schedule for a run that goes on: the same steps as before, then one more cycle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warmboot_tests.strategies import schedules
from warmboot.errors import ScheduleError
from warmboot.extended_schedule import extended
from warmboot.schedule import WarmbootSchedule

LINEAR = WarmbootSchedule(lr=0.5, warmup=0.1, restarts=[0.5], step_scale=0.8, hold=0.2, curve="linear")


@given(schedules(), st.integers(100, 2000), st.integers(1, 3000), st.floats(0.01, 1.0))
def test_it_begins_as_the_schedule_bit_for_bit(
    schedule: WarmbootSchedule, total_steps: int, more: int, step_scale: float
) -> None:
    try:
        before = schedule.factors(total_steps)
    except ScheduleError:  # no room there
        return
    longer = extended(schedule, total_steps, to_steps=total_steps + more, step_scale=step_scale)
    factors = longer.factors(total_steps + more)
    assert np.array_equal(factors[:total_steps], before)
    assert factors[total_steps] == schedule.layout(total_steps).cycles[-1].peak * step_scale


def test_it_can_be_extended_again() -> None:
    once = extended(LINEAR, 100, to_steps=150, step_scale=0.5)
    twice = extended(once, 150, to_steps=300, step_scale=0.25)
    assert np.array_equal(twice.factors(300)[:150], once.factors(150))
    assert twice.factors(300)[150] == pytest.approx(0.8 * 0.5 * 0.25)
    assert twice.lr == 0.5


def test_the_new_cycle_is_as_those_before() -> None:
    factors = extended(LINEAR, 100, to_steps=150, step_scale=0.5).factors(150)
    assert np.all(factors[100:111] == 0.4), "a fifth is held"
    assert factors[-1] == 0.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to_steps": 100}, "to_steps must be at least 101 .*: the run has 100 already"),
        ({"to_steps": 150.5}, "to_steps must be an integer"),
        ({"step_scale": 0.0}, "step_scale"),
        ({"step_scale": 1.5}, "step_scale"),
    ],
)
def test_what_can_not_be(changes: dict[str, float], words: str) -> None:
    arguments = {"to_steps": 150, "step_scale": 0.5, **changes}
    with pytest.raises(ScheduleError, match=words):
        extended(LINEAR, 100, **arguments)  # type: ignore[arg-type]
