"""`WarmbootLR` beside other schedulers on its optimizer: saved and resumed, the unbroken run."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ChainedScheduler, ExponentialLR, LinearLR, LRScheduler, SequentialLR

from tests.laws import few
from warmboot.schedule import WarmbootSchedule
from warmboot.warmboot_lr import WarmbootLR

SHAPE = WarmbootSchedule(warmup=0.2, restarts=[0.6], step_scale=0.5, eta_min=0.2)
STEPS = 20

Make = Callable[[Optimizer], LRScheduler]


def ours(optimizer: Optimizer, total_steps: int = 10) -> WarmbootLR:
    return WarmbootLR(optimizer, SHAPE, total_steps=total_steps)


ARRANGED: dict[str, Make] = {
    "after another": lambda o: SequentialLR(o, [LinearLR(o, 0.1, total_iters=5), ours(o, 15)], [5]),
    "before another": lambda o: SequentialLR(o, [ours(o), ExponentialLR(o, 0.9)], [10]),
    "between others": lambda o: SequentialLR(
        o, [LinearLR(o, 0.1, total_iters=4), ours(o), ExponentialLR(o, 0.9)], [4, 14]
    ),
    "after itself": lambda o: SequentialLR(o, [ours(o), ours(o, 12)], [8]),
    "last in a chain": lambda o: ChainedScheduler([LinearLR(o, 0.5, total_iters=3), ours(o, STEPS)], o),
    "first in a chain": lambda o: ChainedScheduler([ours(o, STEPS), ExponentialLR(o, 0.9)], o),
    "alone": lambda o: ours(o, STEPS),
}


class Run:
    """An optimizer of two groups and what drives it."""

    def __init__(self, make: Make, tensor_lr: bool) -> None:
        lrs: list[Any] = [torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.3, dtype=torch.float64)]
        groups = [
            {"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr if tensor_lr else float(lr)}
            for lr in lrs
        ]
        self.optimizer = SGD(groups, lr=1.0)
        self.scheduler = make(self.optimizer)

    def train(self, steps: int) -> list[list[float]]:
        lrs = []
        for _ in range(steps):
            lrs.append([float(group["lr"]) for group in self.optimizer.param_groups])
            self.optimizer.step()
            self.scheduler.step()
        return lrs

    def state(self) -> Any:
        return copy.deepcopy((self.optimizer.state_dict(), self.scheduler.state_dict()))

    def load(self, state: Any, *, scheduler_first: bool) -> None:
        if scheduler_first:
            self.scheduler.load_state_dict(state[1])
        self.optimizer.load_state_dict(state[0])
        if not scheduler_first:
            self.scheduler.load_state_dict(state[1])


@pytest.mark.filterwarnings("ignore:WarmbootLR. a group:UserWarning")
@few(60)
@given(
    name=st.sampled_from(sorted(ARRANGED)),
    cut=st.integers(0, STEPS),
    tensor_lr=st.booleans(),
    scheduler_first=st.booleans(),
)
def test_resumed_at_any_step_it_is_the_unbroken_run(
    name: str, cut: int, tensor_lr: bool, scheduler_first: bool
) -> None:
    whole = Run(ARRANGED[name], tensor_lr).train(STEPS)
    first, again = Run(ARRANGED[name], tensor_lr), Run(ARRANGED[name], tensor_lr)
    first.train(cut)
    again.load(first.state(), scheduler_first=scheduler_first)
    assert again.train(STEPS - cut) == whole[cut:]


@pytest.mark.parametrize("name", ["after another", "before another", "between others"])
def test_a_state_of_before_it_told_who_is_in_charge_leaves_the_lr_to_the_optimizer(name: str) -> None:
    whole = Run(ARRANGED[name], False).train(STEPS)
    for cut in range(STEPS):
        first, again = Run(ARRANGED[name], False), Run(ARRANGED[name], False)
        first.train(cut)
        optimizer, scheduler = first.state()
        for at, part in enumerate(first.scheduler._schedulers):  # type: ignore[attr-defined]
            if isinstance(part, WarmbootLR):
                scheduler["_schedulers"][at] = {"last_epoch": part.last_epoch}
        again.load((optimizer, scheduler), scheduler_first=False)
        assert again.train(STEPS - cut) == whole[cut:]


def test_a_part_that_waits_touches_no_lr_and_may_be_retargeted() -> None:
    run = Run(ARRANGED["after another"], False)
    part = run.scheduler._schedulers[1]  # type: ignore[attr-defined]
    run.optimizer.param_groups[0]["lr"] = 0.77
    part.load_state_dict(part.state_dict())
    assert run.optimizer.param_groups[0]["lr"] == 0.77
    assert part.get_lr() == [SHAPE.factor(0, 15), 0.3 * SHAPE.factor(0, 15)]
    part.retarget(25)
    assert part.total_steps == 25


def test_a_part_is_silent_whatever_has_set_the_lr_before_its_turn() -> None:
    """In the second stage of a training as well; warnings are errors here."""
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    for scheduler in (ExponentialLR(optimizer, 0.9), ARRANGED["between others"](optimizer)):
        for _ in range(STEPS):
            optimizer.step()
            scheduler.step()


class Resumable:
    """A run to which things happen on the way, and which may be saved and resumed between any two."""

    def __init__(self, tensor_lr: bool) -> None:
        self.tensor_lr, self.n_groups = tensor_lr, 1
        self.lrs: list[list[float]] = []
        self._begin()

    def _begin(self) -> None:
        lr = torch.tensor(1.0, dtype=torch.float64) if self.tensor_lr else 1.0
        self.optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
        for _ in range(1, self.n_groups):
            self._add_group()
        self.scheduler = ours(self.optimizer, STEPS)

    def _add_group(self) -> None:
        self.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})

    def train(self) -> None:
        if self.scheduler.last_epoch < self.scheduler.total_steps:
            self.lrs.append([float(group["lr"]) for group in self.optimizer.param_groups])
            self.optimizer.step()
            self.scheduler.step()

    def lengthen(self) -> None:
        if self.scheduler.last_epoch < self.scheduler.total_steps - 1:
            self.scheduler.retarget(self.scheduler.total_steps + 7)

    def unfreeze(self) -> None:
        self._add_group()
        self.n_groups += 1

    def halve(self) -> None:
        self.optimizer.param_groups[0]["initial_lr"] /= 2

    def resume(self, *, scheduler_first: bool) -> None:
        optimizer, scheduler = copy.deepcopy((self.optimizer.state_dict(), self.scheduler.state_dict()))
        self._begin()
        if scheduler_first:
            self.scheduler.load_state_dict(scheduler)
        self.optimizer.load_state_dict(optimizer)
        if not scheduler_first:
            self.scheduler.load_state_dict(scheduler)


@pytest.mark.filterwarnings("ignore:WarmbootLR. this state is of a run with the base lrs")
@few(60)
@given(
    events=st.lists(st.sampled_from(["train"] * 6 + ["lengthen", "unfreeze", "halve"]), max_size=30),
    resumed=st.lists(st.booleans(), min_size=30, max_size=30),
    tensor_lr=st.booleans(),
    scheduler_first=st.booleans(),
)
def test_whatever_happens_on_the_way_a_resumed_run_is_the_unbroken_one(
    events: list[str], resumed: list[bool], tensor_lr: bool, scheduler_first: bool
) -> None:
    unbroken, broken = Resumable(tensor_lr), Resumable(tensor_lr)
    for event, resume in zip([*events, "train"], [*resumed, True], strict=False):
        getattr(unbroken, event)()
        if resume:
            broken.resume(scheduler_first=scheduler_first)
        getattr(broken, event)()
    assert broken.lrs == unbroken.lrs
