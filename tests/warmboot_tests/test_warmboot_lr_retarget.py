"""`retarget` on a real training: no jump in lr, and saved and resumed it is the unbroken run."""

import copy
import io
import json
from typing import Any

import pytest
import torch
from torch.optim import SGD

from warmboot.errors import ScheduleError
from warmboot.retargeted_schedule import retargetable
from warmboot.schedule import WarmbootSchedule
from warmboot.warmboot_lr import WarmbootLR

SCHEDULE = WarmbootSchedule(warmup=0.2, restarts=[0.6], step_scale=0.5, hold=0.2, eta_min=0.1)
TOTAL_STEPS = 20
# the horizon is changed at each of these steps, to this one
CHANGES = {3: 40, 9: 30, 15: 24}


def scheduler_of(total_steps: int = TOTAL_STEPS, lr: Any = 0.1) -> WarmbootLR:
    optimizer = SGD([torch.nn.Parameter(torch.ones(1))], lr=lr)
    return WarmbootLR(optimizer, SCHEDULE, total_steps=total_steps)


def step(scheduler: WarmbootLR) -> float:
    """One step of training; the lr that it was trained with."""
    lr = float(scheduler.optimizer.param_groups[0]["lr"])
    scheduler.optimizer.step()
    scheduler.step()
    return lr


def run(scheduler: WarmbootLR, changes: dict[int, int]) -> list[float]:
    """Train to the end of the horizon, which is changed on the way."""
    lrs = []
    while scheduler.last_epoch < scheduler.total_steps:
        before = scheduler.get_last_lr()
        if scheduler.last_epoch in changes:
            scheduler.retarget(changes[scheduler.last_epoch])
        assert scheduler.get_last_lr() == scheduler.get_lr() == before, "no jump"
        lrs.append(step(scheduler))
    return lrs


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    """Saved and loaded as a checkpoint is; a state is JSON as well."""
    assert json.loads(json.dumps(state)) == state
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    loaded: dict[str, Any] = torch.load(buffer, weights_only=True)
    return loaded


def test_a_run_follows_the_retargeted_schedule() -> None:
    lrs = run(scheduler_of(), CHANGES)
    run_schedule = retargetable(SCHEDULE, TOTAL_STEPS, list(CHANGES.items()))
    assert lrs == [0.1 * factor for factor in run_schedule.factors_between(0, 24).tolist()]


def test_a_tensor_lr_is_still_filled_in_place() -> None:
    lr = torch.tensor(0.1, dtype=torch.float64)
    scheduler = scheduler_of(lr=lr)
    lrs = run(scheduler, CHANGES)
    assert scheduler.optimizer.param_groups[0]["lr"] is lr
    assert lrs == run(scheduler_of(), CHANGES)


@pytest.mark.parametrize("built_with", [TOTAL_STEPS, "the last horizon"])
def test_resumed_at_every_step_it_is_the_unbroken_run(built_with: Any) -> None:
    expected = run(scheduler_of(), CHANGES)
    running = scheduler_of()
    for cut in range(24):
        if cut in CHANGES:
            running.retarget(CHANGES[cut])
        state = through_a_file(running.state_dict())
        last = max((at for at in CHANGES if at <= cut), default=None)
        total_steps = TOTAL_STEPS if built_with == TOTAL_STEPS or last is None else CHANGES[last]
        resumed = scheduler_of(total_steps)
        resumed.load_state_dict(state)
        assert resumed.state_dict() == state
        assert run(resumed, {at: to for at, to in CHANGES.items() if at > cut}) == expected[cut:]
        step(running)


def test_a_retarget_is_in_the_state_whose_keys_stay_the_same() -> None:
    scheduler = scheduler_of()
    step(scheduler)
    before = scheduler.state_dict()
    scheduler.retarget(TOTAL_STEPS)
    assert scheduler.state_dict() == before
    scheduler.retarget(40)
    assert scheduler.state_dict() == {**before, "retargets": [[1, 40]]}


def test_a_script_that_loads_and_retargets_may_run_again() -> None:
    first = scheduler_of()
    for _ in range(8):
        step(first)
    first.retarget(40)
    again = scheduler_of(40)
    again.load_state_dict(first.state_dict())
    again.retarget(40)
    assert again.state_dict() == first.state_dict()


def test_loading_an_earlier_state_brings_back_its_horizon() -> None:
    scheduler = scheduler_of()
    state = scheduler.state_dict()
    scheduler.retarget(40, at_step=5)
    scheduler.load_state_dict(state)
    assert scheduler.total_steps == TOTAL_STEPS
    assert run(scheduler, {}) == run(scheduler_of(), {})


def test_a_change_may_be_planned_ahead() -> None:
    scheduler = scheduler_of()
    scheduler.retarget(30, at_step=9)
    assert scheduler.total_steps == 30
    assert run(scheduler, {}) == run(scheduler_of(), {9: 30})


def test_a_change_in_the_past_is_refused() -> None:
    scheduler = scheduler_of()
    for _ in range(6):
        step(scheduler)
    with pytest.raises(ScheduleError, match="at_step must not be past: the next step is 6 but got 5"):
        scheduler.retarget(40, at_step=5)
    assert scheduler.total_steps == TOTAL_STEPS


def test_a_training_that_is_over_is_not_stretched() -> None:
    scheduler = scheduler_of()
    run(scheduler, {})
    with pytest.raises(ScheduleError, match=r"nothing of the schedule is left to stretch; begin a new one"):
        scheduler.retarget(40)
    assert scheduler.total_steps == TOTAL_STEPS


def test_past_the_new_end_it_warns() -> None:
    scheduler = scheduler_of()
    scheduler.retarget(4)
    run(scheduler, {})
    with pytest.warns(UserWarning, match=r"step 5 is past the end .*total_steps=4"):
        step(scheduler)


def test_a_copy_keeps_its_changed_horizon() -> None:
    scheduler = scheduler_of()
    scheduler.retarget(40, at_step=3)
    copied = copy.deepcopy(scheduler)
    assert run(copied, {}) == run(scheduler, {})


def test_a_retarget_saved_before_states_were_whole_is_loaded() -> None:
    first = scheduler_of()
    for _ in range(3):
        step(first)
    first.retarget(40)
    again = scheduler_of()
    again.load_state_dict({"last_epoch": 3, "total_steps": 20, "retargets": [[3, 40]]})
    assert again.state_dict() == first.state_dict()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"total_steps": "20"}, "total_steps must be an integer but got '20'"),
        ({"retargets": 7}, "retargets must be pairs"),
        ({"retargets": [[1, 40, 2]]}, "retargets must be pairs"),
        ({"retargets": [[1.5, 40]]}, "at_step must be an integer"),
        ({"retargets": [[19, 40]]}, "nothing of the schedule is left"),
        ({"last_epoch": -2}, "last_epoch must be at least -1"),
        ({"verbose": False}, "must have the keys last_epoch, total_steps"),
        ({"base_lrs": 0.1}, "base_lrs must be a list but got 0.1"),
        ({"base_lrs": [float("nan")]}, r"base_lrs\[0\] must be finite"),
        ({"in_charge": 1}, "in_charge must be true or false but got 1"),
        ({"schedule": "cosine"}, "schedule must be the text that was saved but got 'cosine'"),
        ({"schedule": None}, "schedule must be the text that was saved but got None"),
    ],
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(changes: dict[str, Any], text: str) -> None:
    scheduler = scheduler_of()
    before = scheduler.state_dict()
    state = {**before, "last_epoch": 2, "retargets": [[1, 40]]}
    with pytest.raises(ScheduleError, match=text):
        scheduler.load_state_dict({**state, **changes})
    assert scheduler.state_dict() == before
    scheduler.load_state_dict(state)
    assert scheduler.state_dict() == state
