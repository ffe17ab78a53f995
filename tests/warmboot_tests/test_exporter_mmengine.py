"""The export for MMEngine, trained with its real `Runner` from a real config."""

from pathlib import Path
from typing import Any

import pytest

from tests.warmboot_tests import export_runs
from tests.warmboot_tests.export_runs import SCHEDULES, STEPS, expected_lrs
from warmboot.exporters import to_mmengine

# each file is another module which registers the same name: a process has one in earnest, so the
# driver takes it out of the registry before the next
DRIVER = """
import importlib, json, logging, sys, warnings
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
        lrs.append(runner.optim_wrapper.param_groups[0]["lr"])

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
    checkpoint=dict(type="CheckpointHook", interval=8, by_epoch=False), logger=None)
default_scope = "mmengine"
work_dir = "{module}"
log_level = "ERROR"
resume = {resume}
'''

def train(module, resume=False, arguments=", by_epoch=False", by_epoch=False):
    global lrs
    lrs = []
    length = f"max_epochs={steps // 4}" if by_epoch else f"max_iters={steps}"
    text = CONFIG.format(module=module, arguments=arguments, by_epoch=by_epoch, length=length,
                         base_lr=base_lr, resume=resume, sampler="Default" if by_epoch else "Infinite")
    Runner.from_cfg(Config.fromstring(text, ".py")).train()
    return lrs

found = []
for name in modules:
    found.append({"lrs": train(name)})
    if name == modules[0]:
        with open(f"{name}/last_checkpoint", "w") as file:
            file.write(f"{name}/iter_16.pth")
        found[0]["resumed"] = found[0]["lrs"][:16] + train(name, resume=True)
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


@pytest.mark.parametrize("training", ["resumed", "in epochs"])
def test_a_training_that_is_resumed_or_counted_in_epochs_is_the_same(
    training: str, found: dict[str, Any]
) -> None:
    assert found["restarts"][training] == expected_lrs("restarts")


def test_a_config_that_would_step_it_by_epoch_is_refused(found: dict[str, Any]) -> None:
    assert "needs by_epoch=False" in found["restarts"]["error"]


def test_the_docstring_says_with_which_version_it_was_tested() -> None:
    export_runs.skip_without("mmengine")
    from warmboot.exporters import mmengine_scheduler

    assert f"mmengine {export_runs.tested_with('mmengine')}" in str(mmengine_scheduler.__doc__)
