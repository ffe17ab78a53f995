"""The drop-in: the published lr values bit for bit, and put right where the original fails."""

import copy
import json
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from warmboot.cawb import CosineAnnealingWarmbootingLR
from warmboot.errors import ScheduleError

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "reference" / "cawb_golden.json"
CASES: list[dict[str, Any]] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else []

LF: dict[str | None, Callable[[float, float], float] | None] = {
    None: None,
    "linear": lambda x, gap: (1.0 - (x / gap)) * 0.9 + 0.1,
    "cosine_squared": lambda x, gap: (((1 + math.cos(x * math.pi / gap)) / 2) ** 2.0) * 0.8 + 0.2,
}
ARGUMENTS = ["epochs", "eta_min", "steps", "step_scale", "batchs", "warmup_epoch", "epoch_scale"]


def optimizer_of(*lrs: float) -> torch.optim.SGD:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs]
    return torch.optim.SGD(groups, lr=1.0)


def scheduler_of(*lrs: float, **arguments: Any) -> CosineAnnealingWarmbootingLR:
    return CosineAnnealingWarmbootingLR(optimizer_of(*lrs), **arguments)


def lrs_of(scheduler: CosineAnnealingWarmbootingLR) -> list[float]:
    return [group["lr"] for group in scheduler.optimizer.param_groups]


@pytest.mark.skipif(not CASES, reason=f"the recorded values are not at {GOLDEN}")
def test_all_recorded_cases_are_there() -> None:
    assert len(CASES) == 40


@pytest.mark.parametrize("case", CASES, ids=[str(i) for i in range(len(CASES))])
def test_recorded_values_are_met_bit_for_bit(case: dict[str, Any]) -> None:
    config = case["config"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*are dropped")
        scheduler = scheduler_of(
            *config["base_lrs"], **{name: config[name] for name in ARGUMENTS}, lf=LF[config["lf"]]
        )
    scheduler.last_epoch = config["last_epoch"]
    result: dict[str, Any] = {"lr_used": [], "step_returns": [], "step_batch_returns": []}
    for epoch in range(config["n_epochs_run"]):
        result["lr_used"].append([])
        for _ in range(config["batchs"]):
            result["step_batch_returns"].append(scheduler.step_batch())
            result["lr_used"][-1].append(lrs_of(scheduler))
        returned = scheduler.step(epoch) if config["external"] else scheduler.step()
        result["step_returns"].append(returned)
    assert {**result, "steps_normalised": scheduler.steps} == case["result"]


def test_dropped_steps_are_named_and_the_callers_list_is_left_alone() -> None:
    steps = [8, 3, 12, 0, 5]
    with pytest.warns(UserWarning, match=r"steps \[12, 0\] are dropped: .* \(2\) and epochs \(10\)"):
        scheduler = scheduler_of(1.0, epochs=10, warmup_epoch=2, steps=steps)
    assert steps == [8, 3, 12, 0, 5]
    assert scheduler.steps == [2, 3, 5, 8, 10]


@pytest.mark.parametrize(("epochs", "warmup_epoch"), [(5, 5), (5, 9), (0, 0)])
def test_warm_up_as_long_as_the_training_is_refused(epochs: int, warmup_epoch: int) -> None:
    with pytest.raises(ValueError, match="epochs must be greater than warmup_epoch but got"):
        scheduler_of(1.0, epochs=epochs, warmup_epoch=warmup_epoch)


def test_a_cycle_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="epoch_scale -3 leaves the cycle from 0 to 3 no length"):
        scheduler_of(1.0, epochs=9, steps=[3], epoch_scale=-3)


@pytest.mark.parametrize("lf", LF.values())
def test_past_the_end_the_value_at_epochs_is_held(lf: Any) -> None:
    scheduler = scheduler_of(1.0, epochs=6, steps=[3], lf=lf)
    lrs = [scheduler.step() for _ in range(12)]
    assert lrs[7:] == [lrs[6]] * 5
    assert scheduler.step(100) == lrs[6]
    assert scheduler.step(2) == lrs[2]


def run(scheduler: CosineAnnealingWarmbootingLR, events: list[str]) -> list[list[float]]:
    lrs = []
    for event in events:
        scheduler.step_batch() if event == "batch" else scheduler.step()
        lrs.append(lrs_of(scheduler))
    return lrs


@pytest.mark.parametrize("offset", [0, 2])
def test_resumed_anywhere_it_is_the_unbroken_run(offset: int) -> None:
    arguments: dict[str, Any] = {"epochs": 6, "steps": [4], "batchs": 3, "warmup_epoch": 2}
    events = (["batch"] * 3 + ["epoch"]) * 8
    unbroken = scheduler_of(0.1, 0.3, **arguments)
    unbroken.last_epoch = offset
    expected = run(unbroken, events)
    for cut in range(len(events)):
        first = scheduler_of(0.1, 0.3, **arguments)
        first.last_epoch = offset
        run(first, events[:cut])
        resumed = scheduler_of(0.1, 0.3, **arguments)
        resumed.load_state_dict(json.loads(json.dumps(first.state_dict())))
        assert lrs_of(resumed) == lrs_of(first)
        assert resumed.gap == first.gap
        assert run(resumed, events[cut:]) == expected[cut:]


def test_the_state_of_another_schedule_is_refused() -> None:
    scheduler = scheduler_of(1.0, epochs=6)
    with pytest.raises(ScheduleError, match="must have the keys epoch_count"):
        scheduler.load_state_dict({"last_epoch": 3})
    nothings: tuple[Any, ...] = (None, {})
    for nothing in nothings:
        with pytest.raises(ScheduleError, match="the checkpoint holds no state of it; load what"):
            scheduler.load_state_dict(nothing)
    other = scheduler_of(1.0, 2.0, epochs=8, steps=[4]).state_dict()
    with pytest.raises(ScheduleError, match=r"taken with steps \[0, 4, 8\] but here they are"):
        scheduler.load_state_dict(other)


def test_what_its_users_read_is_there() -> None:
    optimizer = optimizer_of(0.1, 0.2)
    optimizer.param_groups[1]["initial_lr"] = 0.5
    scheduler = CosineAnnealingWarmbootingLR(optimizer, epochs=9, steps=[4])
    assert scheduler.base_lr == [0.1, 0.2]
    assert [group["initial_lr"] for group in optimizer.param_groups] == [0.1, 0.5]
    assert (scheduler.last_epoch, scheduler.steps, scheduler.gap) == (0, [0, 4, 9], 5.0)
    assert not isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)


def test_a_tensor_lr_is_filled_in_place() -> None:
    parameter = torch.nn.Parameter(torch.zeros(1))
    lr = torch.tensor(0.5, dtype=torch.float64)
    scheduler = CosineAnnealingWarmbootingLR(torch.optim.AdamW([parameter], lr=lr), epochs=2)
    scheduler.step(2)
    assert scheduler.optimizer.param_groups[0]["lr"] is lr
    assert lr.item() == 0.5 * 0.05


def test_it_copies() -> None:
    scheduler = scheduler_of(0.1, epochs=6)
    scheduler.step()
    copied = copy.deepcopy(scheduler)
    assert [copied.step() for _ in range(5)] == [scheduler.step() for _ in range(5)]


def test_plot_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="not installed: pip install matplotlib"):
        scheduler_of(1.0, epochs=4).plot()


def test_plot_draws_what_step_sets_and_changes_nothing() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    scheduler = scheduler_of(0.3, epochs=4, steps=[2])
    state = scheduler.state_dict()
    axes = scheduler.plot()
    assert scheduler.state_dict() == state
    drawn = axes.lines[0].get_ydata().tolist()
    assert drawn == [scheduler.step() for _ in range(5)]
    matplotlib.pyplot.close(axes.figure)


def test_a_run_of_other_settings_is_refused() -> None:
    arguments: dict[str, Any] = {"epochs": 6, "steps": [4], "batchs": 3, "warmup_epoch": 2}
    state = scheduler_of(1.0, **arguments).state_dict()
    changed = {"eta_min": 0.1, "step_scale": 0.5, "epoch_scale": 0.0, "batchs": 5, "lf": LF["linear"]}
    for name, value in changed.items():
        other = scheduler_of(1.0, **{**arguments, name: value})
        text = {"batchs": "warmup_batches 6 but here it is 10", "lf": "own_lf False but here it is True"}
        with pytest.raises(ScheduleError, match=text.get(name, f"{name} .* but here it is {value}")):
            other.load_state_dict(state)
        assert other.state_dict()["epoch_count"] == -1


def test_an_optimizer_loaded_before_it_is_built_does_not_lower_its_base_lr() -> None:
    first = scheduler_of(0.4, epochs=6)
    run(first, ["epoch"] * 3)
    decayed = optimizer_of(*lrs_of(first))
    resumed = CosineAnnealingWarmbootingLR(decayed, epochs=6)
    resumed.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert resumed.base_lr == [0.4]
    assert run(resumed, ["epoch"] * 4) == run(first, ["epoch"] * 4)


def test_a_state_of_before_it_held_settings_is_loaded() -> None:
    first, resumed = scheduler_of(0.4, epochs=6), scheduler_of(0.4, epochs=6)
    run(first, ["epoch"] * 3)
    older = {
        name: first.state_dict()[name]
        for name in ("epoch_count", "batch_count", "last_epoch", "steps", "lrs")
    }
    resumed.load_state_dict(older)
    assert resumed.state_dict() == first.state_dict()


def test_a_group_added_later_does_not_share_a_tensor_lr() -> None:
    lr = torch.tensor(0.5, dtype=torch.float64)
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = CosineAnnealingWarmbootingLR(optimizer, epochs=4)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    run(scheduler, ["epoch"] * 5)
    assert [float(group["lr"]) for group in optimizer.param_groups] == [0.5 * 0.05, 0.5]
    assert optimizer.param_groups[0]["lr"] is lr
