"""`WarmbootLR` on real optimizers: the lr of every step, warnings, and what torch expects of it."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, SequentialLR

from tests.laws import few
from tests.warmboot_tests.strategies import laid_out
from warmboot.errors import ScheduleError
from warmboot.schedule import WarmbootSchedule
from warmboot.warmboot_lr import WarmbootLR

SCHEDULE = WarmbootSchedule(warmup=0.2, restarts=[0.6], step_scale=0.5, eta_min=0.1)
MAKERS: list[Callable[..., Optimizer]] = [SGD, AdamW]


def optimizer_of(make: Callable[..., Optimizer], *lrs: Any) -> Optimizer:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(2))], "lr": lr} for lr in lrs]
    return make(groups, lr=1.0)


def lrs_of(optimizer: Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def train(optimizer: Optimizer, scheduler: LRScheduler, steps: int) -> list[list[float]]:
    """The lrs that were trained with."""
    used = []
    for _ in range(steps):
        used.append(lrs_of(optimizer))
        optimizer.step()
        scheduler.step()
    return used


@pytest.mark.parametrize("make", MAKERS)
def test_every_group_is_trained_at_its_own_lr_times_the_factor(make: Any) -> None:
    optimizer = optimizer_of(make, 0.1, 3)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=20)
    assert isinstance(scheduler, LRScheduler)
    used = train(optimizer, scheduler, 20)
    assert used == [[0.1 * f, 3 * f] for f in SCHEDULE.factors(20).tolist()]


@few(30)
@given(laid_out())
def test_stepping_equals_the_closed_form(laid: tuple[WarmbootSchedule, int]) -> None:
    schedule, total_steps = laid
    optimizer = optimizer_of(SGD, 0.3)
    scheduler = WarmbootLR(optimizer, schedule.replace(lr=None), total_steps=total_steps)
    factors = schedule.factors(total_steps)
    assert train(optimizer, scheduler, total_steps) == [[0.3 * f] for f in factors.tolist()]


def test_a_horizon_of_several_blocks_has_no_seam() -> None:
    total_steps = 10_007
    optimizer = optimizer_of(SGD, 1.0)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=total_steps)
    used = []
    for _ in range(total_steps):
        used.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    assert used == SCHEDULE.factors(total_steps).tolist()


def test_a_horizon_of_a_trillion_steps_costs_no_memory() -> None:
    optimizer = optimizer_of(SGD, 1.0)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=10**12)
    scheduler.load_state_dict({"last_epoch": 9 * 10**11})
    assert lrs_of(optimizer) == [SCHEDULE.factor(9 * 10**11, 10**12)]


def test_an_initial_lr_that_is_there_is_kept() -> None:
    optimizer = optimizer_of(SGD, 0.1)
    optimizer.param_groups[0]["initial_lr"] = 0.5
    WarmbootLR(optimizer, WarmbootSchedule(curve="constant"), total_steps=5)
    assert lrs_of(optimizer) == [0.5]


@pytest.mark.parametrize("make", MAKERS)
def test_a_group_added_later_gets_its_lr_as_initial_lr(make: Any) -> None:
    optimizer = optimizer_of(make, 0.1)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=20)
    train(optimizer, scheduler, 7)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.7})
    scheduler.step()
    factor = SCHEDULE.factor(8, 20)
    assert lrs_of(optimizer) == scheduler.get_last_lr() == [0.1 * factor, 0.7 * factor]
    assert optimizer.param_groups[1]["initial_lr"] == 0.7


def test_it_is_silent_at_the_end_and_warns_once_past_it() -> None:
    optimizer = optimizer_of(SGD, 1.0)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=10)
    train(optimizer, scheduler, 10)  # an ordinary loop, with warnings as errors
    with pytest.warns(UserWarning, match=r"step 11 is past the end .*total_steps=10") as caught:
        train(optimizer, scheduler, 3)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # it points at the caller's loop
    assert lrs_of(optimizer) == [SCHEDULE.factors(10)[-1]]


def test_a_resumed_scheduler_past_the_end_warns_as_well() -> None:
    scheduler = WarmbootLR(optimizer_of(SGD, 1.0), SCHEDULE, total_steps=10)
    scheduler.load_state_dict({"last_epoch": 30})
    with pytest.warns(UserWarning, match="step 31 is past the end"):
        scheduler.step()


def test_one_warning_if_no_group_has_the_schedules_lr() -> None:
    schedule = SCHEDULE.replace(lr=0.31)
    with pytest.warns(UserWarning, match=r"peak lr of 0.31, but no group .* 0.1, 0.2") as caught:
        WarmbootLR(optimizer_of(SGD, 0.1, 0.2), schedule, total_steps=10)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("lrs", [(0.31, 0.1), (torch.tensor(0.31),)])
def test_no_warning_if_a_group_has_the_schedules_lr(lrs: tuple[Any, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WarmbootLR(optimizer_of(AdamW, *lrs), SCHEDULE.replace(lr=0.31), total_steps=10)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tensor_lr_is_filled_in_place(make: Any, dtype: torch.dtype) -> None:
    lr = torch.tensor(0.1, dtype=dtype)
    base = lr.item()
    optimizer = optimizer_of(make, lr)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=20)
    for factor in SCHEDULE.factors(20).tolist():
        assert optimizer.param_groups[0]["lr"] is lr
        assert lr.item() == torch.tensor(base * factor, dtype=dtype).item()
        last_lr = scheduler.get_last_lr()[0]
        assert isinstance(last_lr, torch.Tensor)
        assert last_lr is not lr
        scheduler.step()


def test_get_lr_is_the_present_lr() -> None:
    optimizer = optimizer_of(SGD, 0.1, 0.2)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=20)
    scheduler.step()
    assert scheduler.get_lr() == scheduler.get_last_lr() == lrs_of(optimizer)


def test_it_takes_its_place_in_torchs_sequential_lr() -> None:
    optimizer = optimizer_of(SGD, 1.0)
    first = LambdaLR(optimizer, lambda step: 0.5)
    second = WarmbootLR(optimizer, SCHEDULE, total_steps=10)
    sequence = SequentialLR(optimizer, [first, second], milestones=[3])
    used = train(optimizer, sequence, 13)
    assert used == [[0.5]] * 3 + [[f] for f in SCHEDULE.factors(10).tolist()]


def test_a_jump_goes_to_that_step() -> None:
    optimizer = optimizer_of(SGD, 1.0)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=20)
    scheduler.step(7)
    assert lrs_of(optimizer) == [SCHEDULE.factor(7, 20)]
    with pytest.raises(ValueError, match="last_epoch must be at least 0 but got -2"):
        scheduler.step(-2)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"total_steps": 0}, "total_steps must be at least 1"),
        ({"total_steps": 1}, "every cycle needs at least one step"),
        ({"total_steps": 10, "last_epoch": -2}, "last_epoch must be at least -1"),
        ({"total_steps": 10, "last_epoch": 1.5}, "last_epoch must be an integer"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ScheduleError, match=text):
        WarmbootLR(optimizer_of(SGD, 1.0), SCHEDULE, **arguments)


def test_what_is_no_optimizer_is_refused() -> None:
    with pytest.raises(TypeError, match="is not an Optimizer"):
        WarmbootLR(object(), SCHEDULE, total_steps=10)  # type: ignore[arg-type]
