"""What the factor is multiplied with: kept through states that lose it, and never taken for another lr."""

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import save
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR

from warmboot.schedule import WarmbootSchedule
from warmboot.warmboot_lr import WarmbootLR

LINEAR = WarmbootSchedule(curve="linear")
STEPS = 11


def parameter() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.zeros(1))


def optimizer_of(lr: Any = 1.0, make: Any = SGD) -> Optimizer:
    optimizer: Optimizer = make([parameter()], lr=lr)
    return optimizer


def scheduler_of(optimizer: Optimizer) -> WarmbootLR:
    return WarmbootLR(optimizer, LINEAR, total_steps=STEPS)


def train(scheduler: WarmbootLR, steps: int) -> list[list[float]]:
    lrs = []
    for _ in range(steps):
        lrs.append([float(group["lr"]) for group in scheduler.optimizer.param_groups])
        scheduler.optimizer.step()
        scheduler.step()
    return lrs


def saved_at(step: int, *, without_initial_lr: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """The states of optimizer and scheduler after so many steps."""
    scheduler = scheduler_of(optimizer_of())
    train(scheduler, step)
    optimizer = copy.deepcopy(scheduler.optimizer.state_dict())
    for group in optimizer["param_groups"] if without_initial_lr else ():
        del group["initial_lr"]
    return optimizer, scheduler.state_dict()


@pytest.mark.parametrize("first", ["optimizer", "scheduler", "optimizer, before the scheduler is built"])
@pytest.mark.parametrize("older_state", [False, True])
def test_an_optimizer_that_comes_back_without_initial_lr_keeps_it(first: str, older_state: bool) -> None:
    optimizer_state, state = saved_at(4, without_initial_lr=True)
    if older_state:
        state = {"last_epoch": state["last_epoch"]}
    optimizer = optimizer_of()
    if "before" in first:
        if older_state:
            pytest.skip("nothing anywhere says what it was")
        optimizer.load_state_dict(optimizer_state)
        scheduler = scheduler_of(optimizer)
        scheduler.load_state_dict(state)
    else:
        scheduler = scheduler_of(optimizer)
        if first == "optimizer":
            optimizer.load_state_dict(optimizer_state)
        scheduler.load_state_dict(state)
        if first == "scheduler":
            optimizer.load_state_dict(optimizer_state)
    assert train(scheduler, STEPS - 4) == train(scheduler_of(optimizer_of()), STEPS)[4:]


def test_a_state_of_other_base_lrs_goes_on_with_them_and_says_so() -> None:
    scheduler = scheduler_of(optimizer_of(0.5))
    with pytest.warns(
        UserWarning, match=r"run with the base lrs 1, and here they are 0.5: it goes on"
    ) as caught:
        scheduler.load_state_dict(saved_at(4)[1])
    assert caught[0].filename == __file__
    assert scheduler.get_last_lr() == [1.0 * LINEAR.factor(4, STEPS)]


def through_a_distributed_checkpoint(saved: Any, loaded: Any, folder: Path, **options: Any) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        warnings.filterwarnings("ignore", category=FutureWarning)
        save({"scheduler": saved}, checkpoint_id=folder)
        load({"scheduler": loaded}, checkpoint_id=folder, **options)


@pytest.mark.parametrize("retargeted_at", [None, 4])
def test_torchs_distributed_checkpoint_keeps_all_of_it(retargeted_at: int | None, tmp_path: Path) -> None:
    """It reads only those keys of a checkpoint that a fresh scheduler's state has."""
    scheduler, again = scheduler_of(optimizer_of()), scheduler_of(optimizer_of())
    train(scheduler, 4)
    if retargeted_at is not None:
        scheduler.retarget(20)
        train(scheduler, 2)
    through_a_distributed_checkpoint(scheduler, again, tmp_path)
    assert again.state_dict() == scheduler.state_dict()
    assert again.get_last_lr() == scheduler.get_last_lr()


class CountAlone:
    """What a scheduler saved before its state was whole."""

    def state_dict(self) -> dict[str, Any]:
        return {"last_epoch": 4}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise AssertionError("it is saved only")


def test_an_older_distributed_checkpoint_is_loaded_in_part(tmp_path: Path) -> None:
    again = scheduler_of(optimizer_of())
    planner = DefaultLoadPlanner(allow_partial_load=True)
    through_a_distributed_checkpoint(CountAlone(), again, tmp_path, planner=planner)
    assert again.get_last_lr() == [LINEAR.factor(4, STEPS)]


@pytest.mark.parametrize("tensor_lr", [False, True])
@pytest.mark.parametrize("late", ["without an lr", "with another group's"])
def test_a_late_group_begins_where_it_would_with_a_float(tensor_lr: bool, late: str) -> None:
    optimizer = optimizer_of(torch.tensor(0.1, dtype=torch.float64) if tensor_lr else 0.1, Adam)
    scheduler = scheduler_of(optimizer)
    train(scheduler, 5)
    begins_at = {} if late == "without an lr" else {"lr": optimizer.param_groups[0]["lr"]}
    base_lr = 0.1 if late == "without an lr" else float(optimizer.param_groups[0]["lr"])
    for _ in range(2):
        optimizer.add_param_group({"params": [parameter()], **begins_at})
    lrs = train(scheduler, STEPS - 5)
    assert [one[0] for one in lrs] == [0.1 * f for f in LINEAR.factors(STEPS)[5:]]
    late_lrs = [base_lr, *(base_lr * f for f in LINEAR.factors(STEPS)[6:])]
    assert [one[1:] for one in lrs] == [[expected] * 2 for expected in late_lrs]
    assert float(optimizer.defaults["lr"]) == 0.1


def test_groups_that_share_a_tensor_are_parted_and_the_first_keeps_it() -> None:
    lr = torch.tensor(0.1)
    optimizer = Adam([{"params": [parameter()]}, {"params": [parameter()]}], lr=lr)
    optimizer.param_groups[1]["initial_lr"] = 0.2
    scheduler = scheduler_of(optimizer)
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is lr
    assert [float(group["lr"]) for group in optimizer.param_groups] == pytest.approx([0.09, 0.18])


def test_a_group_added_just_before_saving_is_resumed_at_its_own_lr() -> None:
    def unfrozen(step: int, resume: bool) -> list[list[float]]:
        scheduler = scheduler_of(optimizer_of())
        lrs = train(scheduler, step)
        scheduler.optimizer.add_param_group({"params": [parameter()], "lr": 0.5})
        if resume:
            states = copy.deepcopy((scheduler.optimizer.state_dict(), scheduler.state_dict()))
            scheduler = scheduler_of(optimizer_of())
            scheduler.optimizer.add_param_group({"params": [parameter()], "lr": 0.5})
            scheduler.optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
        return lrs + train(scheduler, STEPS - step)

    for step in range(1, STEPS):
        assert unfrozen(step, resume=True) == unfrozen(step, resume=False)


SET_BEFORE = "a group came with lr 0.01"


def test_an_lr_set_by_hand_between_two_stages_is_named_when_the_second_is_built() -> None:
    optimizer = optimizer_of()
    train(scheduler_of(optimizer), STEPS)  # the first stage's scheduler is gone
    optimizer.param_groups[0]["lr"] = 0.01
    with pytest.warns(
        UserWarning, match=f"{SET_BEFORE}, not the 0 that was set last, but .* initial_lr, 1"
    ) as caught:
        scheduler = scheduler_of(optimizer)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert train(scheduler, STEPS)[0] == [1.0]  # and no second warning


def test_an_lr_set_with_its_initial_lr_begins_the_second_stage() -> None:
    optimizer = optimizer_of()
    train(scheduler_of(optimizer), STEPS)
    optimizer.param_groups[0].update(lr=0.01, initial_lr=0.01)
    assert train(scheduler_of(optimizer), STEPS)[0] == [0.01]


def test_a_second_stage_from_the_same_lr_is_silent() -> None:
    optimizer = optimizer_of()
    first = train(scheduler_of(optimizer), STEPS)
    assert train(scheduler_of(optimizer), STEPS) == first


def test_after_a_stage_with_another_scheduler_it_is_named_at_the_first_step() -> None:
    optimizer = optimizer_of()
    CosineAnnealingLR(optimizer, 5)
    optimizer.param_groups[0]["lr"] = 0.01
    scheduler = scheduler_of(optimizer)  # nobody knows yet whether a state is to be loaded
    with pytest.warns(
        UserWarning, match=f"{SET_BEFORE}, but the schedule multiplies its initial_lr, 1"
    ) as caught:
        train(scheduler, STEPS)
    assert len(caught) == 1


def test_an_optimizer_loaded_before_its_scheduler_is_built_was_not_set_by_hand() -> None:
    optimizer_state, state = saved_at(4)
    optimizer = optimizer_of()
    for _ in range(2):  # rolled back in the same process as well
        optimizer.load_state_dict(optimizer_state)
        scheduler = scheduler_of(optimizer)
        scheduler.load_state_dict(state)
        assert train(scheduler, STEPS - 4) == train(scheduler_of(optimizer_of()), STEPS)[4:]


def test_an_lr_set_by_hand_on_the_way_is_named_once_and_overridden() -> None:
    scheduler = scheduler_of(optimizer_of())

    def halved_on_the_way() -> None:
        for _ in range(4):
            scheduler.optimizer.param_groups[0]["lr"] *= 0.5
            train(scheduler, 1)

    with pytest.warns(
        UserWarning, match="changed from 1 to 0.5, by hand or by another.*now set to 0.9"
    ) as caught:
        halved_on_the_way()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert scheduler.get_last_lr() == [LINEAR.factor(4, STEPS)]


def test_an_initial_lr_in_float32_is_no_other_lr() -> None:
    optimizer = optimizer_of(torch.tensor(0.3), Adam)
    optimizer.param_groups[0]["initial_lr"] = 0.3
    train(scheduler_of(optimizer), STEPS)


def test_after_a_warm_up_that_is_over_the_lr_is_the_initial_one_but_for_rounding() -> None:
    optimizer = optimizer_of(0.1)
    warm_up = LinearLR(optimizer, 0.1, total_iters=7)
    for _ in range(7):
        optimizer.step()
        warm_up.step()
    assert optimizer.param_groups[0]["lr"] != 0.1
    train(scheduler_of(optimizer), STEPS)


@pytest.mark.parametrize("jump", [False, True])
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
def test_stepped_forward_to_where_a_loaded_optimizer_goes_on_it_is_silent(jump: bool) -> None:
    optimizer = optimizer_of()
    optimizer.load_state_dict(saved_at(7)[0])
    scheduler = scheduler_of(optimizer)
    for _ in range(1 if jump else 7):
        scheduler.step(7 if jump else None)
    assert train(scheduler, STEPS - 7) == train(scheduler_of(optimizer_of()), STEPS)[7:]


def test_switched_to_by_hand_after_a_warm_up_by_another_scheduler_it_is_silent() -> None:
    optimizer = optimizer_of()
    warm_up, scheduler = LinearLR(optimizer, 0.1, total_iters=5), scheduler_of(optimizer)
    for _ in range(5):
        optimizer.step()
        warm_up.step()
    assert train(scheduler, STEPS)[1:] == train(scheduler_of(optimizer_of()), STEPS)[1:]


def lowered_as_advised(optimizer: Optimizer) -> None:
    optimizer.param_groups[0]["initial_lr"] = 0.5
    optimizer.param_groups[0]["lr"] *= 0.5


def rolled_back(optimizer: Optimizer) -> None:
    optimizer.load_state_dict(saved_at(2)[0])


def without_its_first_group(optimizer: Optimizer) -> None:
    del optimizer.param_groups[0]


def with_another_group_for_its_first(optimizer: Optimizer) -> None:
    del optimizer.param_groups[0]
    optimizer.add_param_group({"params": [parameter()], "lr": 0.25})


@pytest.mark.parametrize(
    ("change", "n_groups"),
    [
        (lowered_as_advised, 1),
        (rolled_back, 1),
        (without_its_first_group, 2),
        (with_another_group_for_its_first, 1),
    ],
)
def test_what_is_right_on_the_way_is_not_taken_for_an_lr_set_by_hand(change: Any, n_groups: int) -> None:
    groups = [{"params": [parameter()], "lr": lr} for lr in (1.0, 0.25)[:n_groups]]
    scheduler = scheduler_of(SGD(groups))
    train(scheduler, 4)
    change(scheduler.optimizer)
    train(scheduler, STEPS - 4)
    assert scheduler.get_last_lr() == [0.0]


def test_an_lr_set_by_hand_after_a_rollback_is_named() -> None:
    scheduler = scheduler_of(optimizer_of())
    train(scheduler, 4)
    rolled_back(scheduler.optimizer)
    train(scheduler, 1)
    scheduler.optimizer.param_groups[0]["lr"] *= 0.5
    with pytest.warns(UserWarning, match="by hand or by another scheduler"):
        train(scheduler, 1)
