"""Drawings are text that was looked at, and lose no peak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warmboot_tests.strategies import laid_out
from warmboot.errors import ScheduleError
from warmboot.preview import draw, points_that_matter, preview, sparkline
from warmboot.schedule import WarmbootSchedule

LOOKED_AT = """\
linear to 0, peak lr 0.4, 20% warm-up, restart at 60% at 0.5 x the peak before, at 100 steps
 0.4 ┤     ▅█▇▄▁
     │   ▄██████▇▅▂
     │ ▃▇███████████▅▃   █▇▆▅▃▂▁
   0 ┤▆███████████████▇▅▂███████▇▆▅▄▂▁
     └ step 0 ... step 99
first step        step 0  lr 0.0190476
peak              step 20 lr 0.4
before restart 1  step 59 lr 0
restart 1         step 60 lr 0.2
last step         step 99 lr 0
findings:
  - 2 steps of 100 (2%) at lr 0, for nothing; the first is step 59"""


def test_a_preview_is_what_was_looked_at() -> None:
    schedule = WarmbootSchedule(lr=0.4, warmup=0.2, restarts=[0.6], step_scale=0.5, curve="linear")
    assert preview(schedule, 100, width=32, height=4) == LOOKED_AT


def test_without_an_lr_factors_are_shown() -> None:
    assert "step 9 factor 0" in preview(WarmbootSchedule(), 10)


def test_points_at_the_same_step_are_one() -> None:
    names = [point.name for point in points_that_matter(WarmbootSchedule(), 1)]
    assert names == ["first step and peak and last step"]


@given(laid_out(), st.integers(1, 100), st.integers(1, 20))
def test_every_drawing_has_the_size_asked_for(
    laid: tuple[WarmbootSchedule, int], width: int, height: int
) -> None:
    schedule, total_steps = laid
    lines = draw(schedule.factors(total_steps), width=width, height=height).splitlines()
    assert len(lines) == height + 1
    drawn = [line.split("┤")[-1].split("│")[-1] for line in lines[:-1]]
    assert max(len(line) for line in drawn) <= width
    assert "█" in drawn[0]  # the peak is drawn in full however narrow the drawing is
    line = sparkline(schedule.factors(total_steps), width)
    assert len(line) == width
    assert "█" in line


def test_a_sparkline_of_nothing_but_zeros_is_empty() -> None:
    assert sparkline([0.0, 0.0], 5) == "     "


@pytest.mark.parametrize("values", [[], [float("nan")], [-1.0], [[1.0]], [float("inf")]])
def test_what_cannot_be_drawn_is_refused(values: list[float]) -> None:
    with pytest.raises(ScheduleError, match="non-empty list of finite numbers"):
        sparkline(values)


@pytest.mark.parametrize("size", [{"width": 0}, {"height": -1}, {"width": 2.5}])
def test_a_size_that_is_none_is_refused(size: dict[str, int]) -> None:
    with pytest.raises(ScheduleError, match=f"{next(iter(size))} must be"):
        draw([1.0], **size)
