"""`WarmbootLR` saved and resumed at any step, copied, pickled: always the unbroken run."""

import copy
import io
import json
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import SGD, AdamW, Optimizer

from warmboot.curves import Polynomial
from warmboot.errors import ScheduleError
from warmboot.schedule import WarmbootSchedule
from warmboot.warmboot_lr import WarmbootLR

SCHEDULE = WarmbootSchedule(warmup=0.2, restarts=[0.6], step_scale=0.5, hold=0.2)
TOTAL_STEPS = 20
MAKERS: list[Callable[..., Optimizer]] = [SGD, AdamW]


class Training:
    """A small real training: one weight vector, two groups, a gradient that depends on both."""

    def __init__(self, make: Callable[..., Optimizer], *, tensor_lr: bool, **arguments: Any):
        self.weights = [torch.nn.Parameter(torch.linspace(1, 2, 3)) for _ in range(2)]
        lrs = [torch.tensor(0.1), torch.tensor(0.01)] if tensor_lr else [0.1, 0.01]
        groups = [{"params": [w], "lr": lr} for w, lr in zip(self.weights, lrs, strict=True)]
        self.optimizer = make(groups, lr=1.0)
        self.scheduler = WarmbootLR(self.optimizer, SCHEDULE, total_steps=TOTAL_STEPS, **arguments)

    def step(self) -> tuple[list[float], list[float]]:
        """One step; the lrs it was trained with and the weights after it."""
        lrs = [float(group["lr"]) for group in self.optimizer.param_groups]
        for weight in self.weights:
            weight.grad = weight.detach() ** 2
        self.optimizer.step()
        self.scheduler.step()
        return lrs, torch.cat([weight.detach() for weight in self.weights]).tolist()

    def save(self) -> io.BytesIO:
        buffer = io.BytesIO()
        parts = (self.weights, self.optimizer.state_dict(), self.scheduler.state_dict())
        torch.save(parts, buffer)
        buffer.seek(0)
        return buffer

    def load(self, buffer: io.BytesIO, *, scheduler_first: bool) -> None:
        weights, optimizer, scheduler = torch.load(buffer, weights_only=True)
        for mine, saved in zip(self.weights, weights, strict=True):
            mine.data.copy_(saved)
        if scheduler_first:
            self.scheduler.load_state_dict(scheduler)
        self.optimizer.load_state_dict(optimizer)
        if not scheduler_first:
            self.scheduler.load_state_dict(scheduler)


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("tensor_lr", [False, True])
@pytest.mark.parametrize("scheduler_first", [False, True])
def test_resumed_at_every_step_it_is_the_unbroken_run(
    make: Any, tensor_lr: bool, scheduler_first: bool
) -> None:
    unbroken = Training(make, tensor_lr=tensor_lr)
    expected = [unbroken.step() for _ in range(TOTAL_STEPS)]
    running = Training(make, tensor_lr=tensor_lr)
    for cut in range(TOTAL_STEPS):
        resumed = Training(make, tensor_lr=tensor_lr)
        resumed.load(running.save(), scheduler_first=scheduler_first)
        assert [resumed.step() for _ in range(cut, TOTAL_STEPS)] == expected[cut:]
        running.step()


@pytest.mark.parametrize("make", MAKERS)
def test_the_schedulers_state_alone_sets_the_lr(make: Any) -> None:
    first, second = Training(make, tensor_lr=False), Training(make, tensor_lr=False)
    for _ in range(7):
        first.step()
    second.scheduler.load_state_dict(first.scheduler.state_dict())
    assert second.scheduler.get_last_lr() == first.scheduler.get_last_lr()
    assert [group["lr"] for group in second.optimizer.param_groups] == first.scheduler.get_lr()


def test_last_epoch_resumes_as_everywhere_in_torch() -> None:
    running = Training(SGD, tensor_lr=False)
    for _ in range(8):
        running.step()
    groups = [
        {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 9.0, "initial_lr": lr} for lr in (0.1, 0.01)
    ]
    optimizer = SGD(groups, lr=1.0)
    # seven is the last step that is done: eight is next
    resumed = WarmbootLR(optimizer, SCHEDULE, total_steps=TOTAL_STEPS, last_epoch=7)
    assert resumed.get_last_lr() == running.scheduler.get_last_lr()
    assert resumed.state_dict() == running.scheduler.state_dict()


def test_last_epoch_without_initial_lr_is_refused() -> None:
    with pytest.raises(ScheduleError, match=r"last_epoch is 3, but param_groups\[0\] has no initial_lr"):
        Training(SGD, tensor_lr=False, last_epoch=3)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "is None: the checkpoint holds no state of it; load what scheduler.state_dict() gave"),
        ({}, "is {}: the checkpoint holds no state of it"),
        ({"state": {}, "param_groups": []}, "is the state of an optimizer; load"),
        (
            {"T_max": 9, "last_epoch": 3, "base_lrs": [0.1]},
            "is the state of another scheduler, with ['T_",
        ),
        ({"weight": 1.0}, "must have the keys last_epoch, total_steps, retargets, "),
    ],
)
def test_what_is_no_state_is_named_with_the_way_out(state: Any, words: str) -> None:
    training = Training(SGD, tensor_lr=False)
    with pytest.raises(ScheduleError, match=re.escape(words)) as refused:
        training.scheduler.load_state_dict(state)
    assert 'load_state_dict({"last_epoch": steps_done})' in str(refused.value)


def test_an_optimizer_that_goes_on_with_a_scheduler_that_begins_is_noticed() -> None:
    """The state of the scheduler was forgotten: its schedule would be trained anew from the start."""
    first, second, fresh = (Training(SGD, tensor_lr=False) for _ in range(3))
    beginning = first.optimizer.state_dict()
    for _ in range(7):
        first.step()
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    with pytest.warns(UserWarning, match="load the scheduler's state as well as the optimizer's"):
        second.step()
    second.step()  # said once
    fresh.optimizer.load_state_dict(beginning)
    fresh.step()  # begins, as its scheduler does
    assert fresh.scheduler.get_last_lr() == pytest.approx([0.04, 0.004])


def test_a_checkpoint_without_its_scheduler_goes_on_as_it_is_told() -> None:
    first, second = Training(SGD, tensor_lr=False), Training(SGD, tensor_lr=False)
    for _ in range(7):
        first.step()
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.scheduler.load_state_dict({"last_epoch": 7})
    for training in (first, second):
        training.step()
    assert second.scheduler.get_last_lr() == first.scheduler.get_last_lr()


def test_the_state_is_json_and_whole_by_itself() -> None:
    training = Training(SGD, tensor_lr=False)
    for _ in range(3):
        training.step()
    state = training.scheduler.state_dict()
    assert json.loads(json.dumps(state)) == state
    schedule = json.loads(state.pop("schedule"))
    assert state == {
        "last_epoch": 3,
        "total_steps": TOTAL_STEPS,
        "retargets": [],
        "base_lrs": [0.1, 0.01],
        "in_charge": True,
    }
    assert (schedule["restarts"], schedule["curve"]) == ([0.6], {"name": "cosine"})


def test_a_state_of_before_it_was_whole_is_loaded() -> None:
    first, second = Training(SGD, tensor_lr=False), Training(SGD, tensor_lr=False)
    for _ in range(7):
        first.step()
    second.scheduler.load_state_dict({"last_epoch": 7})
    assert second.scheduler.state_dict() == first.scheduler.state_dict()
    assert [group["lr"] for group in second.optimizer.param_groups] == first.scheduler.get_lr()


def test_a_whole_scheduler_pickled_before_its_state_was_whole_goes_on() -> None:
    training = Training(SGD, tensor_lr=False)
    for _ in range(7):
        training.step()
    old = training.scheduler.__getstate__()
    for name in ("_built", "_factors", "_came_with"):
        del old[name]
    again = WarmbootLR.__new__(WarmbootLR)
    again.__setstate__({**old, "_block": [], "_block_start": 0})
    again.step()
    training.scheduler.step()
    assert again.state_dict() == training.scheduler.state_dict()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"hold": 0.0},
            r"was taken with hold 0.2, but here it is 0.0; build it with the schedule of the run",
        ),
        ({"step_scale": 0.7}, r"peaks \[1.0, 0.5\], but here it is \[1.0, 0.7\]"),
        ({"warmup_steps": 4, "warmup": 0.0}, r"warmup None.*\n?.*warmup_steps|warmup_steps"),
        (
            {"curve": Polynomial(power=2.0)},
            r"curve \{'name': 'cosine'\}, but here it is \{'name': 'polynomial'",
        ),
    ],
)
def test_the_state_of_another_schedule_is_refused(changes: dict[str, Any], text: str) -> None:
    state = Training(SGD, tensor_lr=False).scheduler.state_dict()
    optimizer = SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    other = WarmbootLR(optimizer, SCHEDULE.replace(**changes), total_steps=TOTAL_STEPS)
    with pytest.raises(ScheduleError, match=text):
        other.load_state_dict(state)


def test_the_same_factors_are_the_same_schedule() -> None:
    """The lr is the optimizer's, and peaks may be written down as one number or as many."""
    state = Training(SGD, tensor_lr=False).scheduler.state_dict()
    optimizer = SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    same = SCHEDULE.replace(lr=0.1, step_scale=[0.5])
    WarmbootLR(optimizer, same, total_steps=TOTAL_STEPS).load_state_dict(state)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"last_epoch": 3, "T_0": 10},
        {"last_epoch": -2},
        {"last_epoch": 2.0},
        {"last_epoch": True},
        {"step": 3},
    ],
)
def test_the_state_of_another_scheduler_is_refused(state: dict[str, Any]) -> None:
    training = Training(SGD, tensor_lr=False)
    before = training.scheduler.get_last_lr()
    with pytest.raises(ScheduleError, match="last_epoch"):
        training.scheduler.load_state_dict(state)
    assert training.scheduler.get_last_lr() == before
    assert training.scheduler.last_epoch == 0


def copied_by_pickle(scheduler: WarmbootLR) -> WarmbootLR:
    copied = pickle.loads(pickle.dumps(scheduler))
    assert isinstance(copied, WarmbootLR)
    return copied


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("copied_by", [copied_by_pickle, copy.deepcopy])
def test_a_copy_goes_on_alone(make: Any, copied_by: Callable[[WarmbootLR], WarmbootLR]) -> None:
    training = Training(make, tensor_lr=True)
    for _ in range(9):
        training.step()
    copied = copied_by(training.scheduler)
    before = training.scheduler.get_last_lr()
    lrs = []
    for _ in range(9, TOTAL_STEPS):
        lrs.append([float(lr) for lr in copied.get_last_lr()])
        copied.optimizer.step()
        copied.step()
    assert training.scheduler.get_last_lr() == before
    assert lrs == [training.step()[0] for _ in range(9, TOTAL_STEPS)]


def test_a_pickle_does_not_grow_with_the_horizon() -> None:
    optimizer = SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=10**6)
    assert len(pickle.dumps(scheduler)) < 4000
