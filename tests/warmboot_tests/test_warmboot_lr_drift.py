"""The drift warning: silent in every right use, clear once in every wrong one."""

import copy
import gc
import pickle
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import ChainedScheduler, LambdaLR, SequentialLR

from warmboot.drift import TOLERATED_STEPS, DriftWatch
from warmboot.schedule import WarmbootSchedule
from warmboot.warmboot_lr import WarmbootLR

SCHEDULE = WarmbootSchedule(warmup=0.1)
WORDS = "had no optimizer step before them"
ORDER = r"step\(\) was called before the first optimizer.step\(\): the first lr"


def made(total_steps: int = 1000, make: Any = SGD) -> tuple[Optimizer, WarmbootLR]:
    optimizer = make([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    return optimizer, WarmbootLR(optimizer, SCHEDULE, total_steps=total_steps)


def warnings_of_a_run(steps_of_each: list[tuple[int, int]]) -> list[str]:
    """What is said when (optimizer steps, scheduler steps) are made in turn."""
    optimizer, scheduler = made()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for optimizer_steps, scheduler_steps in steps_of_each:
            for _ in range(optimizer_steps):
                optimizer.step()
            for _ in range(scheduler_steps):
                scheduler.step()
    return [str(warning.message) for warning in caught]


# (optimizer steps, scheduler steps) in turn
RIGHT: dict[str, list[tuple[int, int]]] = {
    "one for one": [(1, 1)] * 1000,
    "once an epoch": [(50, 1)] * 100,
    "a few skipped AMP steps at the start": [(0, 1)] * 16 + [(1, 1)] * 800,
    "a few skipped AMP steps after the first": [(1, 1), *[(0, 1)] * 16, *[(1, 1)] * 800],
    "one skipped AMP step in fifty": ([(1, 1)] * 49 + [(0, 1)]) * 19,
    "stepped forward to where it goes on": [(0, 300), *[(1, 1)] * 600],
    "stepped through to draw it": [(0, 1000)],
    "two optimizer steps for each": [(2, 1)] * 500,
}
WRONG: dict[str, list[tuple[int, int]]] = {
    "once for each of four micro-batches": [(1, 4)] * 30,
    "once for each of two processes": [(1, 2)] * 60,
    "a third of the AMP steps skipped": ([(1, 1)] * 2 + [(0, 1)]) * 40,
    "the optimizer stopped": [(1, 1)] * 20 + [(0, 1)] * 40,
}


@pytest.mark.parametrize("steps", RIGHT.values(), ids=RIGHT)
def test_it_is_silent_in_right_use(steps: list[tuple[int, int]]) -> None:
    assert warnings_of_a_run(steps) == []


@pytest.mark.parametrize("steps", WRONG.values(), ids=WRONG)
def test_it_warns_once_where_the_scheduler_steps_more_often(steps: list[tuple[int, int]]) -> None:
    (message,) = warnings_of_a_run(steps)
    assert WORDS in message


def test_the_warning_says_what_will_come_of_it_and_points_at_the_loop() -> None:
    optimizer, scheduler = made()

    def train() -> None:
        for micro_batch in range(120):
            if micro_batch % 4 == 3:
                optimizer.step()
            scheduler.step()

    with pytest.warns(UserWarning, match=WORDS) as caught:
        train()
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    assert "the schedule of 1000 steps would be over after about 2" in message
    assert "not for each accumulated micro-batch, not once for each process" in message


@given(st.lists(st.booleans(), max_size=300))
def test_it_is_drift_only_if_clearly_more_than_a_twentieth_was_skipped(steps: list[bool]) -> None:
    watch, warned_at = DriftWatch(), []
    for i, optimizer_stepped in enumerate(steps):
        if optimizer_stepped:
            watch.paired_steps += 1
        elif watch.paired_steps and watch.is_drift():
            warned_at.append(i)
            assert watch.lone_steps > TOLERATED_STEPS + 0.05 * (watch.lone_steps + watch.paired_steps)
    assert len(warned_at) <= 1


def steps_in_the_wrong_order(
    optimizer: Optimizer, scheduler: Any, *, gradient: float | None = None, steps: int = 20
) -> None:
    """The scheduler's step comes first; with a gradient, between backward and the optimizer's."""
    (parameter,) = optimizer.param_groups[0]["params"]
    for _ in range(steps):
        parameter.grad = parameter.grad if gradient is None else torch.full((1,), gradient)
        scheduler.step()
        parameter.grad = torch.full((1,), gradient or 0.5)
        optimizer.step()


@pytest.mark.parametrize("gradient", [None, 0.5])
def test_stepped_before_the_optimizer_it_says_so_once_and_points_at_the_loop(gradient: float | None) -> None:
    optimizer, scheduler = made()
    with pytest.warns(UserWarning, match=ORDER) as caught:
        steps_in_the_wrong_order(optimizer, scheduler, gradient=gradient)
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_once_an_epoch_before_the_optimizer_is_the_wrong_order_as_well() -> None:
    optimizer, scheduler = made()
    steps_in_the_wrong_order(optimizer, scheduler, steps=1)
    for _ in range(49):
        optimizer.step()
    with pytest.warns(UserWarning, match=ORDER):
        scheduler.step()


def test_a_gradient_that_a_grad_scaler_skips_is_not_the_wrong_order() -> None:
    optimizer, scheduler = made()
    steps_in_the_wrong_order(optimizer, scheduler, gradient=float("inf"))


def test_a_run_that_is_resumed_in_the_wrong_order_is_told_too() -> None:
    optimizer, scheduler = made()
    scheduler.load_state_dict(scheduler.state_dict())
    with pytest.warns(UserWarning, match=ORDER):
        steps_in_the_wrong_order(optimizer, scheduler)


def test_a_part_of_a_sequential_lr_that_is_stepped_first_is_told_too() -> None:
    optimizer, scheduler = made()
    after = LambdaLR(optimizer, lambda step: 0.5)
    sequence = SequentialLR(optimizer, [scheduler, after], milestones=[30])
    with pytest.warns(UserWarning, match=ORDER):
        steps_in_the_wrong_order(optimizer, sequence)


def grad_scaler_run(infinite: range, steps: int, *, zero_grad_last: bool = False) -> None:
    """Train with a real `GradScaler`, whose gradients overflow in some steps."""
    parameter = torch.nn.Parameter(torch.ones(1))
    optimizer = SGD([parameter], lr=0.1)
    scaler = torch.amp.GradScaler("cpu", growth_interval=100)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=steps)
    for step in range(steps):
        optimizer.zero_grad()
        scaler.scale(parameter.sum() * (float("inf") if step in infinite else 1.0)).backward()  # type: ignore[no-untyped-call]
        scaler.step(optimizer)
        scaler.update()
        if zero_grad_last:
            optimizer.zero_grad()
        scheduler.step()


def test_a_grad_scaler_that_finds_its_scale_is_no_drift() -> None:
    grad_scaler_run(infinite=range(12), steps=100)
    grad_scaler_run(infinite=range(5, 21), steps=100)


def test_a_skipped_first_step_whose_gradients_are_gone_is_not_the_wrong_order() -> None:
    grad_scaler_run(infinite=range(1), steps=10, zero_grad_last=True)


def test_a_grad_scaler_that_skips_on_and_on_is_drift() -> None:
    with pytest.warns(UserWarning, match=WORDS):
        grad_scaler_run(infinite=range(10, 60), steps=100)


def test_a_resumed_training_starts_to_count_again() -> None:
    optimizer, scheduler = made()
    for _ in range(10):
        optimizer.step()
        scheduler.step()
    for _ in range(TOLERATED_STEPS):
        scheduler.step()
    scheduler.load_state_dict(scheduler.state_dict())
    for _ in range(TOLERATED_STEPS):
        scheduler.step()
    for _ in range(100):
        optimizer.step()
        scheduler.step()


def test_resumed_in_a_fresh_process_it_is_silent() -> None:
    optimizer, scheduler = made()
    scheduler.load_state_dict({"last_epoch": 500})
    optimizer.load_state_dict(optimizer.state_dict())
    for _ in range(400):
        optimizer.step()
        scheduler.step()


def test_each_of_two_optimizers_is_watched_by_its_own_scheduler() -> None:
    (right, right_scheduler), (wrong, wrong_scheduler) = made(make=AdamW), made()

    def train() -> None:
        for step in range(100):
            right.step()
            right_scheduler.step()
            if step % 3 == 0:
                wrong.step()
            wrong_scheduler.step()

    with pytest.warns(UserWarning, match=WORDS) as caught:
        train()
    assert len(caught) == 1
    assert right_scheduler._drift.lone_steps == 0


def test_two_schedulers_on_one_optimizer_do_not_take_each_others_steps() -> None:
    optimizer, first = made()
    second = WarmbootLR(optimizer, SCHEDULE, total_steps=1000)
    chained = ChainedScheduler([first, second], optimizer)
    for _ in range(100):
        optimizer.step()
        chained.step()


def test_it_is_silent_in_torchs_sequential_lr() -> None:
    optimizer, scheduler = made()
    first = LambdaLR(optimizer, lambda step: 0.5)
    sequence = SequentialLR(optimizer, [first, scheduler], milestones=[30])
    for _ in range(200):
        optimizer.step()
        sequence.step()


def pickled(scheduler: WarmbootLR) -> WarmbootLR:
    copied = pickle.loads(pickle.dumps(scheduler))
    assert isinstance(copied, WarmbootLR)
    return copied


@pytest.mark.parametrize("copied_by", [copy.deepcopy, pickled])
def test_a_copy_watches_its_own_optimizer(copied_by: Any) -> None:
    optimizer, scheduler = made()
    for _ in range(50):
        optimizer.step()
        scheduler.step()
    copied = copied_by(scheduler)
    for _ in range(100):
        copied.optimizer.step()
        copied.step()
    assert (copied._drift.paired_steps, copied._drift.lone_steps) == (100, 0)
    assert (scheduler._drift.paired_steps, scheduler._drift.lone_steps) == (50, 0)


def test_a_scheduler_that_is_gone_leaves_no_hook() -> None:
    optimizer, scheduler = made()
    assert len(optimizer._optimizer_step_post_hooks) == 1
    del scheduler
    gc.collect()
    assert len(optimizer._optimizer_step_post_hooks) == 0
    optimizer.step()


def test_a_wrapper_that_is_an_optimizer_by_name_only_goes_unwatched() -> None:
    class Wrapper(Optimizer):
        """As some libraries wrap: the base class is there for `isinstance` alone."""

        def __init__(self, inside: Optimizer) -> None:
            self.inside = inside
            self.param_groups = inside.param_groups

        def __eq__(self, other: object) -> bool:  # and so it has no hash
            return self is other

        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            self.inside.step()

    optimizer: Optimizer = Wrapper(SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1))
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=500)
    for _ in range(100):
        optimizer.step()
        for _ in range(4):
            scheduler.step()
    assert scheduler.get_last_lr() == [0.1 * SCHEDULE.factor(400, 500)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device to capture a graph on")
def test_steps_replayed_by_a_cuda_graph_are_not_missed() -> None:
    parameter = torch.nn.Parameter(torch.ones(1, device="cuda"))
    parameter.grad = torch.ones_like(parameter)
    optimizer = AdamW([parameter], lr=torch.tensor(0.1, device="cuda"), capturable=True)
    scheduler = WarmbootLR(optimizer, SCHEDULE, total_steps=200)
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.cuda.stream(side):  # as torch asks before a capture
        optimizer.step()
        scheduler.step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        optimizer.step()
    for _ in range(100):
        graph.replay()
        scheduler.step()
    assert scheduler._drift.lone_steps > 0
