"""The export for MMEngine, trained with its real `Runner` from a real config."""

from pathlib import Path
from typing import Any

import pytest

from tests.warmboot_tests import export_runs
from tests.warmboot_tests.export_runs import BASE_LR, SCHEDULES, STEPS, expected_lrs
from warmboot.exporters import to_mmengine

# each file is another module which registers the same name: a process has one in earnest, so the
# driver takes it out of the registry before the next
DRIVER = """
import importlib, json, logging, pathlib, sys, warnings
warnings.simplefilter("ignore")
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, HOOKS, MODELS, PARAM_SCHEDULERS
from mmengine.runner import Runner

steps, base_lr, modules = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]

@MODELS.register_module()
class Tiny(BaseModel):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, data_samples=None, mode="loss"):
        return {"loss": ((self.weight * torch.stack(inputs) - 1) ** 2).mean()}

@DATASETS.register_module()
class Ones(torch.utils.data.Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {"inputs": torch.ones(1), "data_samples": 0}

@HOOKS.register_module()
class Record(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == unfreeze_at:
            new = torch.nn.Parameter(torch.zeros(1))
            runner.optim_wrapper.optimizer.add_param_group({"params": [new], "lr": 0.1})
        lrs.append([group["lr"] for group in runner.optim_wrapper.param_groups])

CONFIG = '''
custom_imports = dict(imports=["{module}"])
param_scheduler = dict(type="WarmbootScheduler"{arguments})
model = dict(type="Tiny")
train_cfg = dict(by_epoch={by_epoch}, {length})
optim_wrapper = dict(optimizer=dict(type="SGD", lr={base_lr}))
train_dataloader = dict(
    batch_size=2, num_workers=0, dataset=dict(type="Ones"),
    sampler=dict(type="{sampler}Sampler", shuffle=True), collate_fn=dict(type="pseudo_collate"))
custom_hooks = [dict(type="Record")]
default_hooks = dict(
    checkpoint=dict(type="CheckpointHook", interval={interval}, by_epoch=False), logger=None)
default_scope = "mmengine"
work_dir = "{module}"
log_level = "ERROR"
resume = {resume}
'''

def train(module, resume=False, arguments=", by_epoch=False", by_epoch=False, iters=steps, unfreeze=None,
          keep=False):
    global lrs, unfreeze_at
    lrs, unfreeze_at = [], unfreeze
    if resume:
        pathlib.Path(module, "last_checkpoint").write_text(f"{module}/iter_{resume}.pth")
    length = f"max_epochs={steps // 4}" if by_epoch else f"max_iters={iters}"
    text = CONFIG.format(module=module, arguments=arguments, by_epoch=by_epoch, length=length,
                         base_lr=base_lr, resume=bool(resume), interval=1 if keep else 1000,
                         sampler="Default" if by_epoch else "Infinite")
    Runner.from_cfg(Config.fromstring(text, ".py")).train()
    return [each[0] for each in lrs] if unfreeze is None else lrs

found = []
for name in modules:
    found.append({"lrs": train(name, keep=name == modules[0])})
    if name == modules[0]:
        for step in (1, 16, 23):
            found[0][f"resumed at {step}"] = found[0]["lrs"][:step] + train(name, resume=step)
        found[0]["longer"] = train(name, resume=16, iters=36)
        found[0]["unfrozen"] = train(name, unfreeze=9)
        found[0]["smoke"] = train(name, iters=1)
        found[0]["in epochs"] = train(name, by_epoch=True)
        try:
            train(name, arguments="")
        except ValueError as error:
            found[0]["error"] = str(error)
    PARAM_SCHEDULERS._module_dict.pop("WarmbootScheduler")
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    export_runs.skip_without("mmengine")
    export_runs.skip_without("cv2")
    files = {name: to_mmengine(made, total_steps=STEPS) for name, made in SCHEDULES.items()}
    folder: Path = tmp_path_factory.mktemp("mmengine")
    # mmengine 0.10 resumes from its own checkpoints by pickle, which torch refuses unless told
    return export_runs.run_driver(DRIVER, folder, files, TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD="1")


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_runner_trains_as_the_schedule_says(name: str, found: dict[str, Any]) -> None:
    assert found[name]["lrs"] == expected_lrs(name)


@pytest.mark.parametrize("training", ["resumed at 1", "resumed at 16", "resumed at 23", "in epochs"])
def test_a_training_that_is_resumed_or_counted_in_epochs_is_the_same(
    training: str, found: dict[str, Any]
) -> None:
    assert found["restarts"][training] == expected_lrs("restarts")


def test_a_training_made_longer_follows_the_schedule_on_its_new_horizon(found: dict[str, Any]) -> None:
    longer = (BASE_LR * SCHEDULES["restarts"].factors(36)).tolist()
    assert found["restarts"]["longer"][1:] == pytest.approx(longer[17:], rel=1e-12, abs=0)


def test_a_group_added_half_way_follows_the_schedule(found: dict[str, Any]) -> None:
    lrs, factors = found["restarts"]["unfrozen"], SCHEDULES["restarts"].factors(STEPS)
    assert [each[0] for each in lrs] == expected_lrs("restarts")
    assert [each[1] for each in lrs[10:]] == pytest.approx((0.1 * factors[10:]).tolist(), rel=1e-12)


def test_a_smoke_test_of_one_iteration_trains(found: dict[str, Any]) -> None:
    assert found["restarts"]["smoke"] == [BASE_LR]


def test_a_config_that_would_step_it_by_epoch_is_refused(found: dict[str, Any]) -> None:
    assert "needs by_epoch=False" in found["restarts"]["error"]


def test_the_docstring_says_with_which_version_it_was_tested() -> None:
    export_runs.skip_without("mmengine")
    from warmboot.exporters import mmengine_scheduler

    assert f"mmengine {export_runs.tested_with('mmengine')}" in str(mmengine_scheduler.__doc__)
