"""A run that goes on with another `total_steps`: it is said, lr does not jump, and it ends as told."""

import warnings

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.optim import SGD

from tests.warmboot_tests.strategies import laid_out
from warmboot.errors import ScheduleError
from warmboot.schedule import WarmbootSchedule
from warmboot.warmboot_lr import WarmbootLR

LINEAR = WarmbootSchedule(curve="linear")


def made(total_steps: int, schedule: WarmbootSchedule = LINEAR, done: int = 0) -> WarmbootLR:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = WarmbootLR(optimizer, schedule, total_steps=total_steps)
    for _ in range(done):
        step(scheduler)
    return scheduler


def step(scheduler: WarmbootLR) -> float:
    lr = float(scheduler.optimizer.param_groups[0]["lr"])
    scheduler.optimizer.step()
    scheduler.step()
    return lr


def test_a_longer_run_is_stretched_from_where_it_is() -> None:
    old, new = made(11, done=8), made(21)
    expected = (
        r"of a run of 11 steps, and here total_steps is 21: from step 8 on.*ends at step 21, without a jump"
    )
    with pytest.warns(UserWarning, match=expected) as caught:
        new.load_state_dict(old.state_dict())
    assert caught[0].filename == __file__
    assert new.get_last_lr() == old.get_last_lr()
    new.retarget(21)  # as a script does that always loads and then retargets
    old.retarget(21)
    assert new.state_dict() == old.state_dict()
    assert [step(new) for _ in range(13)] == [step(old) for _ in range(13)]
    assert new.get_last_lr() == [0.0]


def test_a_further_retarget_starts_from_there() -> None:
    old, new = made(11, done=8), made(21)
    with pytest.warns(UserWarning, match="of a run of 11 steps"):
        new.load_state_dict(old.state_dict())
    new.retarget(30)
    assert new.total_steps == 30
    assert new.get_lr() == old.get_lr()


@pytest.mark.parametrize(
    ("done", "total_steps", "why"),
    [
        (8, 5, "total_steps must be more than at_step, 8"),
        (10, 21, "nothing of the schedule is left to stretch"),
        (11, 21, "nothing of the schedule is left to stretch"),
    ],
)
def test_where_nothing_can_be_stretched_it_goes_on_as_it_was_and_says_why(
    done: int, total_steps: int, why: str
) -> None:
    old, new = made(11, done=done), made(total_steps)
    with pytest.warns(UserWarning, match=f"it goes on with 11, for .*{why}"):
        new.load_state_dict(old.state_dict())
    assert new.state_dict() == old.state_dict()
    assert new.get_last_lr() == old.get_last_lr()


def test_a_change_that_is_planned_ahead_is_stretched_from_there() -> None:
    old, new = made(11, done=3), made(40)
    old.retarget(20, at_step=6)
    with pytest.warns(UserWarning, match="of a run of 20 steps, and here total_steps is 40: from step 6 on"):
        new.load_state_dict(old.state_dict())
    assert new.state_dict()["retargets"] == [[6, 20], [6, 40]]


def test_saved_again_it_may_be_built_with_either_in_silence() -> None:
    new = made(21)
    with pytest.warns(UserWarning, match="of a run of 11 steps"):
        new.load_state_dict(made(11, done=8).state_dict())
    for total_steps in (11, 21):
        again = made(total_steps)
        again.load_state_dict(new.state_dict())
        assert again.state_dict() == new.state_dict()


def test_the_horizon_that_it_was_built_with_is_what_counts_at_each_loading() -> None:
    state, new = made(11, done=4).state_dict(), made(21)
    for _ in range(2):
        with pytest.warns(UserWarning, match="of a run of 11 steps, and here total_steps is 21"):
            new.load_state_dict(state)
        assert new.total_steps == 21


@given(laid_out(longest=60), st.integers(0, 60), st.integers(1, 120))
def test_lr_never_jumps_and_a_change_is_never_silent(
    laid: tuple[WarmbootSchedule, int], done: int, total_steps: int
) -> None:
    schedule, first_steps = laid[0].replace(lr=None), laid[1]
    try:
        new = made(total_steps, schedule)
    except ScheduleError:
        assume(False)
    old = made(first_steps, schedule, done=min(done, first_steps))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        new.load_state_dict(old.state_dict())
    assert new.get_last_lr() == pytest.approx(old.get_last_lr(), rel=1e-12)
    assert bool(said) == (total_steps != first_steps)
    assert new.total_steps in (total_steps, first_steps)
