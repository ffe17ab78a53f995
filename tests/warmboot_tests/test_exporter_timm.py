"""The export for timm, stepped by the loop of timm's training script with timm's real base class."""

from pathlib import Path
from typing import Any

import pytest

from tests.warmboot_tests import export_runs
from tests.warmboot_tests.export_runs import BASE_LR, SCHEDULES, STEPS, expected_lrs
from warmboot.exporters import to_timm

# Six epochs of four updates. timm imports torchvision for its models and data, neither of which is
# used here; it has no build for every torch, and where it is missing, modules of
# empty classes stand in for it.
DRIVER = """
import importlib, importlib.machinery, importlib.util, json, sys, types, warnings

class Named(type):
    def __getattr__(cls, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return name

class Empty(types.ModuleType):
    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Named(name, (), {})

class EmptyTorchvision:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torchvision":
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Empty(spec.name)

    def exec_module(self, module):
        pass

if importlib.util.find_spec("torchvision") is None:
    sys.meta_path.append(EmptyTorchvision())

import torch
from timm.optim import create_optimizer_v2

steps, base_lr, modules = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
updates_per_epoch = 4

def train(schedule, first_epoch=0, horizon=None, optimizer=None):
    if optimizer is None:
        weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
        groups = [{"params": weights[:1]}, {"params": weights[1:], "lr_scale": 0.25}]
        optimizer = create_optimizer_v2(groups, opt="momentum", lr=base_lr)
    scheduler = schedule.WarmbootScheduler(optimizer, *([steps] if horizon is None else horizon))
    num_updates, lrs = first_epoch * updates_per_epoch, []
    if first_epoch:
        scheduler.step_update(num_updates)
    for epoch in range(first_epoch, steps // updates_per_epoch):
        for _ in range(updates_per_epoch):
            lrs.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            num_updates += 1
            scheduler.step_update(num_updates=num_updates, metric=0.5)
        scheduler.step(epoch + 1, 0.5)
    return lrs, optimizer

found = []
for name in modules:
    schedule = importlib.import_module(name)
    lrs, optimizer = train(schedule)
    again = train(schedule, first_epoch=2, horizon=[], optimizer=optimizer)[0]
    found.append({"lrs": lrs, "resumed": lrs[:8] + again})
    if name == modules[0]:
        scheduler = schedule.WarmbootScheduler(optimizer, 2 * steps)
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.1})
        scheduler.step_update(30)
        found[0]["added"] = [group["lr"] for group in optimizer.param_groups]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scheduler.load_state_dict(schedule.WarmbootScheduler(optimizer, steps).state_dict())
            found[0]["said"] = [str(each.message) for each in caught]
            scheduler.step_update(30)
            found[0]["longer"] = [group["lr"] for group in optimizer.param_groups]
            schedule.WarmbootScheduler(optimizer, 1).step_update(1)
            found[0]["smoke"] = [group["lr"] for group in optimizer.param_groups]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    export_runs.skip_without("timm")
    files = {name: to_timm(made, total_steps=STEPS) for name, made in SCHEDULES.items()}
    folder: Path = tmp_path_factory.mktemp("timm")
    return export_runs.run_driver(DRIVER, folder, files, HF_HUB_OFFLINE="1")


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("training", ["lrs", "resumed"])
def test_every_group_is_trained_as_the_schedule_says(training: str, name: str, found: dict[str, Any]) -> None:
    plain, scaled = zip(*found[name][training], strict=True)
    assert list(plain) == expected_lrs(name)
    assert scaled == tuple(lr * 0.25 for lr in plain)


def test_a_group_added_half_way_and_a_longer_training_follow_the_schedule(found: dict[str, Any]) -> None:
    """What is loaded brings no horizon with it."""
    now = SCHEDULES["restarts"].factor(30, 2 * STEPS)
    expected = pytest.approx([BASE_LR * now, 0.25 * BASE_LR * now, 0.1 * now], rel=1e-12)
    assert found["restarts"]["added"] == expected
    assert found["restarts"]["longer"] == expected
    assert "saved in a training of 24 steps, this one has 48" in found["restarts"]["said"][0]


def test_a_smoke_test_of_one_update_trains(found: dict[str, Any]) -> None:
    assert found["restarts"]["smoke"] == [BASE_LR, 0.25 * BASE_LR, 0.1]


def test_the_docstring_says_with_which_version_it_was_tested() -> None:
    export_runs.skip_without("timm")
    from warmboot.exporters import timm_scheduler

    assert f"Tested with timm {export_runs.tested_with('timm')}" in str(timm_scheduler.__doc__)


def test_the_lr_stays_in_the_header() -> None:
    text = to_timm(SCHEDULES["polynomial"])
    assert f"# Build the optimizer with lr={BASE_LR}." in text
    assert "def __init__(self, optimizer, total_updates, initialize=True):" in text
