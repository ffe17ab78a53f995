"""The torch file's scheduler beside a real optimizer: groups, saved states, horizons that change."""

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, LRScheduler, SequentialLR

from tests.warmboot_tests.export_runs import BASE_LR, SCHEDULES, STEPS, expected_lrs
from warmboot.exporters import to_cawb, to_lightning, to_torch_script, to_transformers
from warmboot.schedule import WarmbootSchedule

LINEAR = WarmbootSchedule(curve="linear")


def executed(text: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {}
    exec(compile(text, "<export>", "exec"), namespace)
    return namespace


def maker(schedule: WarmbootSchedule, total_steps: int | None = None) -> Callable[..., LRScheduler]:
    make: Callable[..., LRScheduler] = executed(to_torch_script(schedule, total_steps=total_steps))[
        "make_scheduler"
    ]
    return make


def sgd(lr: float | torch.Tensor = BASE_LR) -> SGD:
    return SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def lrs_of(optimizer: Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def trained(optimizer: Optimizer, scheduler: LRScheduler, steps: int) -> list[float]:
    """The first group's lr at each step."""
    lrs = []
    for _ in range(steps):
        lrs.append(lrs_of(optimizer)[0])
        optimizer.step()
        scheduler.step()
    return lrs


def saved(*parts: Optimizer | LRScheduler) -> list[dict[str, Any]]:
    """Their states, through a file that is read without pickle's dangers."""
    file = io.BytesIO()
    torch.save([part.state_dict() for part in parts], file)
    file.seek(0)
    states: list[dict[str, Any]] = torch.load(file, weights_only=True)
    return states


@pytest.mark.parametrize("name", SCHEDULES)
def test_saved_and_resumed_at_any_step_it_is_the_unbroken_run(name: str) -> None:
    make = maker(SCHEDULES[name], STEPS)
    optimizer = sgd()
    scheduler, lrs = make(optimizer), []
    for _ in range(STEPS):
        states = saved(optimizer, scheduler)
        optimizer = sgd(1e-9)
        scheduler = make(optimizer)
        optimizer.load_state_dict(states[0])
        scheduler.load_state_dict(states[1])
        assert scheduler.get_last_lr() == lrs_of(optimizer)
        lrs += trained(optimizer, scheduler, 1)
    assert lrs == expected_lrs(name)


FILES = {
    "torch": to_torch_script(LINEAR),
    "lightning": to_lightning(LINEAR),
    "cawb table": to_cawb(SCHEDULES["each its scale"], epochs=11, steps_per_epoch=1),
}


@pytest.mark.parametrize("name", FILES)
def test_a_group_added_half_way_follows_from_its_own_lr(name: str) -> None:
    file = executed(FILES[name])
    optimizer = sgd()
    scheduler = file["make_scheduler"](optimizer, 11)
    trained(optimizer, scheduler, 5)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1})
    for step in range(6, 13):
        trained(optimizer, scheduler, 1)
        factor = file["factor"](step, 11)
        assert lrs_of(optimizer) == pytest.approx([BASE_LR * factor, 0.1 * factor], rel=1e-12)
        assert scheduler.get_last_lr() == lrs_of(optimizer)


def test_a_group_added_half_way_is_resumed_with_the_others() -> None:
    make, optimizer = maker(LINEAR, 11), sgd()
    scheduler = make(optimizer)
    trained(optimizer, scheduler, 4)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1})
    trained(optimizer, scheduler, 2)
    states = saved(optimizer, scheduler)
    again = sgd()
    resumed = make(again)
    again.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    again.load_state_dict(states[0])
    resumed.load_state_dict(states[1])
    trained(again, resumed, 2)
    trained(optimizer, scheduler, 2)
    assert lrs_of(again) == lrs_of(optimizer)


def test_a_tensor_lr_is_filled_in_place_and_shared_with_nobody() -> None:
    lr = torch.tensor(0.5, dtype=torch.float64)
    optimizer = sgd(lr)
    scheduler = maker(LINEAR, 11)(optimizer)
    own = optimizer.param_groups[0]["lr"]
    trained(optimizer, scheduler, 5)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    trained(optimizer, scheduler, 5)
    assert (float(lr), float(optimizer.defaults["lr"])) == (0.5, 0.5)
    assert optimizer.param_groups[0]["lr"] is own
    assert lrs_of(optimizer) == [0.0, 0.0]


def test_an_optimizer_that_comes_back_without_its_initial_lr_is_not_taken_for_a_small_one() -> None:
    make, optimizer = maker(LINEAR, 11), sgd()
    scheduler = make(optimizer)
    trained(optimizer, scheduler, 5)
    states = saved(optimizer, scheduler)
    del states[0]["param_groups"][0]["initial_lr"]
    for order in (1, -1):  # whichever is loaded first
        again = sgd()
        resumed = make(again)
        loaders = [again.load_state_dict, resumed.load_state_dict]
        for load, state in list(zip(loaders, states, strict=True))[::order]:
            load(state)
        assert trained(again, resumed, 2)[1] == pytest.approx(BASE_LR * LINEAR.factor(6, 11), rel=1e-12)


def test_a_longer_training_follows_the_schedule_on_its_own_horizon_and_says_so() -> None:
    make, optimizer = maker(LINEAR), sgd()
    scheduler = make(optimizer, 11)
    trained(optimizer, scheduler, 5)
    states = saved(optimizer, scheduler)
    again = sgd()
    resumed = make(again, 21)
    again.load_state_dict(states[0])
    with pytest.warns(UserWarning, match="saved in a training of 11 steps, this one has 21"):
        resumed.load_state_dict(states[1])
    lrs = trained(again, resumed, 16)
    assert lrs[0] == pytest.approx(BASE_LR * LINEAR.factor(5, 11), rel=1e-12), "the optimizer's own state"
    assert lrs[1:] == pytest.approx((BASE_LR * LINEAR.factors(21)[6:]).tolist(), rel=1e-12, abs=0)


def test_the_state_of_another_schedule_is_refused_with_a_way_on() -> None:
    optimizer = sgd()
    scheduler = maker(WarmbootSchedule(), 11)(optimizer)
    trained(optimizer, scheduler, 5)
    state = scheduler.state_dict()
    other = maker(LINEAR, 11)
    with pytest.raises(
        ValueError, match=r"another schedule, cosine to 0 \[.*this is linear to 0.*last_epoch="
    ) as refused:
        other(sgd()).load_state_dict(state)
    with pytest.raises(ValueError, match="another schedule, without a name"):
        other(sgd()).load_state_dict(ConstantLR(sgd()).state_dict())
    assert "load the optimizer's state and then: make_scheduler(" in str(refused.value)
    way_out = str(refused.value).rpartition("then: ")[2]
    again = sgd()
    again.load_state_dict(optimizer.state_dict())
    known = {"make_scheduler": maker(LINEAR), "optimizer": again, "total_steps": 11, "state": state}
    resumed = eval(way_out, known)
    assert trained(again, resumed, 6) == pytest.approx(
        (BASE_LR * LINEAR.factors(11)[5:]).tolist(), rel=1e-12, abs=0
    )


def test_a_peak_lr_is_no_part_of_a_schedules_name() -> None:
    scheduler = maker(LINEAR, 11)(sgd())
    maker(LINEAR.replace(lr=0.3), 11)(sgd()).load_state_dict(scheduler.state_dict())


def test_a_state_that_an_earlier_export_saved_is_read() -> None:
    """It was a `LambdaLR`'s."""
    optimizer = sgd()
    earlier = LambdaLR(optimizer, lambda step: LINEAR.factor(step, 11))
    trained(optimizer, earlier, 5)
    states = saved(optimizer, earlier)
    again = sgd()
    resumed = maker(LINEAR, 11)(again)
    again.load_state_dict(states[0])
    resumed.load_state_dict(states[1])
    assert trained(again, resumed, 6) == pytest.approx((BASE_LR * LINEAR.factors(11)[5:]).tolist())


@pytest.mark.parametrize("at", [0, 2, 3, 4, 9])
@pytest.mark.parametrize("turn", [0, 1])
def test_as_a_part_of_another_scheduler_it_is_resumed_on_either_side_of_its_turn(turn: int, at: int) -> None:
    make = maker(LINEAR)

    def built() -> tuple[Optimizer, LRScheduler]:
        optimizer = sgd()
        parts: list[LRScheduler] = [ConstantLR(optimizer, factor=0.5, total_iters=100)]
        parts.insert(turn, make(optimizer, 7))
        return optimizer, SequentialLR(optimizer, parts, milestones=[3])

    unbroken = trained(*built(), 10)
    optimizer, scheduler = built()
    lrs = trained(optimizer, scheduler, at)
    states = saved(optimizer, scheduler)
    optimizer, scheduler = built()
    optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    assert lrs + trained(optimizer, scheduler, 10 - at) == unbroken


@pytest.mark.parametrize("export", [to_torch_script, to_lightning, to_transformers])
def test_an_lr_that_something_else_sets_is_said_once(export: Callable[..., str]) -> None:
    pytest.importorskip("transformers" if export is to_transformers else "torch")
    optimizer = sgd()
    scheduler = executed(export(LINEAR))["make_scheduler"](optimizer, 9)
    trained(optimizer, scheduler, 3)
    optimizer.param_groups[0]["lr"] = 7.0
    with pytest.warns(UserWarning, match=r"a group's lr was 7 where this schedule had set 0\.1875, by hand"):
        trained(optimizer, scheduler, 1)
    optimizer.param_groups[0]["lr"] = 7.0
    assert trained(optimizer, scheduler, 2)[1] == pytest.approx(BASE_LR * LINEAR.factors(9)[5])


def test_it_copies_and_its_state_has_the_same_keys_always() -> None:
    optimizer = sgd()
    scheduler = maker(LINEAR, 11)(optimizer)
    keys = scheduler.state_dict().keys()
    trained(optimizer, scheduler, 5)
    assert copy.deepcopy(scheduler).state_dict() == scheduler.state_dict()
    assert scheduler.state_dict().keys() == keys


UNKNOWN = [-1, 0, None, float("inf"), float("nan"), 10.5]


@pytest.mark.parametrize("total_steps", UNKNOWN)
def test_a_horizon_that_nobody_knows_is_refused_before_the_optimizer_is_touched(total_steps: Any) -> None:
    optimizer = sgd()
    with pytest.raises(ValueError, match=r"total_steps is .*, and must be a whole number of 1 or more: give"):
        maker(LINEAR)(optimizer, total_steps)
    assert "initial_lr" not in optimizer.param_groups[0]


@pytest.mark.parametrize("total_steps", UNKNOWN)
def test_lightnings_unknown_lengths_are_refused_with_what_to_set(total_steps: Any) -> None:
    with pytest.raises(ValueError, match="the trainer can't tell how long it trains; set max_steps"):
        executed(to_lightning(LINEAR))["configured"](sgd(), total_steps)


@pytest.mark.parametrize(
    "schedule",
    [WarmbootSchedule(restarts=[0.5]), WarmbootSchedule(warmup_steps=10), SCHEDULES["registered"]],
)
def test_a_hosts_smoke_test_trains_at_a_constant_lr(schedule: WarmbootSchedule) -> None:
    optimizer, file = sgd(), executed(to_lightning(schedule, total_steps=STEPS))
    with pytest.warns(UserWarning, match="for a smoke test: its lr is constant"):
        scheduler = file["make_scheduler"](optimizer, 1)
    assert trained(optimizer, scheduler, 2) == [BASE_LR, BASE_LR]


def test_a_training_that_is_no_smoke_test_is_refused_without_room() -> None:
    file = executed(to_lightning(WarmbootSchedule(warmup_steps=20)))
    with pytest.raises(ValueError, match="11 steps are too few"):
        file["make_scheduler"](sgd(), 11)
    table = executed(to_lightning(SCHEDULES["registered"], total_steps=STEPS))
    with pytest.raises(ValueError, match="this table is for 24 steps, not 48; export the schedule again"):
        table["make_scheduler"](sgd(), 2 * STEPS)


def test_a_tiny_schedule_with_room_is_trained_as_it_says() -> None:
    for text in (to_torch_script(LINEAR), to_lightning(LINEAR)):
        optimizer = sgd()
        assert trained(optimizer, executed(text)["make_scheduler"](optimizer, 1), 3) == [BASE_LR] * 3
        optimizer = sgd()
        assert trained(optimizer, executed(text)["make_scheduler"](optimizer, 2), 3) == [BASE_LR, 0.0, 0.0]


def test_transformers_takes_the_state_of_another_schedule_and_says_so() -> None:
    """There the trainer loads it: the count is the run's, the schedule today's."""
    source = to_transformers(LINEAR).replace("from transformers import Trainer", "Trainer = object")
    other = to_transformers(WarmbootSchedule()).replace(
        "from transformers import Trainer", "Trainer = object"
    )
    optimizer = sgd()
    scheduler = executed(other)["make_scheduler"](optimizer, 11)
    trained(optimizer, scheduler, 5)
    again = executed(source)["make_scheduler"](optimizer, 11)
    with pytest.warns(
        UserWarning, match="another schedule, cosine to 0 .*: lr follows this one, linear to 0"
    ):
        again.load_state_dict(scheduler.state_dict())
    assert trained(optimizer, again, 2)[1] == pytest.approx(BASE_LR * LINEAR.factor(6, 11), rel=1e-12)
