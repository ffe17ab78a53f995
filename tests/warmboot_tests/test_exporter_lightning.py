"""The export for Lightning, trained with the real `Trainer`."""

from pathlib import Path
from typing import Any

import pytest

from tests.warmboot_tests import export_runs
from tests.warmboot_tests.export_runs import BASE_LR, SCHEDULES, STEPS, expected_lrs
from warmboot.exporters import to_lightning

# six epochs of eight batches, two of which make one step: 24 steps
DRIVER = """
import importlib, json, logging, sys, warnings
warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
import torch
import lightning.pytorch as pl

steps, base_lr, modules = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]

class Module(pl.LightningModule):
    def __init__(self, schedule):
        super().__init__()
        self.schedule, self.lrs = schedule, []
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.frozen = torch.nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        return ((self.weight * batch - 1) ** 2).mean()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD([self.weight], lr=base_lr)
        return self.schedule.configured(optimizer, self.trainer.estimated_stepping_batches)

    def on_before_optimizer_step(self, optimizer):
        self.lrs.append([group["lr"] for group in optimizer.param_groups])

class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        return iter(torch.ones(8, 1))

class Unfreeze(pl.callbacks.BaseFinetuning):
    def freeze_before_training(self, module):
        self.freeze(module.frozen)

    def finetune_function(self, module, epoch, optimizer):
        if epoch == 3:
            self.unfreeze_and_add_param_group(module.frozen, optimizer, lr=0.1, initial_denom_lr=1)

def train(schedule, checkpoint=None, keep=None, unfreeze=False, data=torch.ones(8, 1), **arguments):
    keepers = []
    if keep:
        keepers = [pl.callbacks.ModelCheckpoint(keep, "{step}", every_n_train_steps=1, save_top_k=-1)]
    module = Module(schedule)
    trainer = pl.Trainer(**{
        **dict(max_epochs=6, accumulate_grad_batches=2), **arguments}, accelerator="cpu", logger=False,
        enable_checkpointing=bool(keep), enable_progress_bar=False, enable_model_summary=False,
        callbacks=keepers + [Unfreeze()] * unfreeze)
    trainer.fit(module, torch.utils.data.DataLoader(data), ckpt_path=checkpoint)
    return module.lrs if unfreeze else [lrs[0] for lrs in module.lrs]

found = []
for name in modules:
    schedule = importlib.import_module(name)
    found.append({"lrs": train(schedule, keep="plain" if name == modules[0] else None)})
    if name == modules[0]:
        found[0]["resumed"] = [train(schedule, f"plain/step={step}.ckpt") for step in (1, 6, 8, 23)]
        found[0]["unfrozen"] = train(schedule, keep="unfrozen", unfreeze=True)
        found[0]["unfrozen, resumed"] = train(schedule, "unfrozen/step=18.ckpt", unfreeze=True)
        found[0]["longer"] = train(schedule, "plain/step=8.ckpt", max_epochs=9)
        found[0]["stream"] = train(schedule, data=Stream(), max_epochs=-1, max_steps=steps)
        found[0]["smoke"] = train(schedule, fast_dev_run=True, accumulate_grad_batches=1)
        try:
            train(schedule, data=Stream())
        except ValueError as error:
            found[0]["unknown"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    export_runs.skip_without("lightning")
    files = {name: to_lightning(made, total_steps=STEPS) for name, made in SCHEDULES.items()}
    folder: Path = tmp_path_factory.mktemp("lightning")
    return export_runs.run_driver(DRIVER, folder, files)


@pytest.mark.parametrize("name", SCHEDULES)
def test_lightning_trains_as_the_schedule_says(name: str, found: dict[str, Any]) -> None:
    assert found[name]["lrs"] == expected_lrs(name)


def test_resumed_from_a_checkpoint_it_goes_on(found: dict[str, Any]) -> None:
    """Also from the middle of an epoch, four steps long."""
    for step, lrs in zip((1, 6, 8, 23), found["restarts"]["resumed"], strict=True):
        assert found["restarts"]["lrs"][:step] + lrs == expected_lrs("restarts")


def test_layers_that_are_unfrozen_half_way_follow_the_schedule(found: dict[str, Any]) -> None:
    """From the first scheduler step after it: the first batch has the lr that the callback gave."""
    lrs, factors = found["restarts"]["unfrozen"], SCHEDULES["restarts"].factors(STEPS)
    assert [each[0] for each in lrs] == expected_lrs("restarts")
    assert [each[1] for each in lrs[13:]] == pytest.approx((0.1 * factors[13:]).tolist(), rel=1e-12)
    assert found["restarts"]["unfrozen, resumed"] == lrs[18:]


def test_a_training_made_longer_follows_the_schedule_on_its_new_horizon(found: dict[str, Any]) -> None:
    longer = (BASE_LR * SCHEDULES["restarts"].factors(36)).tolist()
    assert found["restarts"]["longer"][1:] == pytest.approx(longer[9:], rel=1e-12, abs=0)


def test_data_without_a_length_needs_max_steps(found: dict[str, Any]) -> None:
    assert found["restarts"]["stream"] == expected_lrs("restarts")
    assert "total_steps is -1" in found["restarts"]["unknown"]
    assert "set max_steps" in found["restarts"]["unknown"]


def test_a_smoke_test_of_one_batch_trains(found: dict[str, Any]) -> None:
    assert found["restarts"]["smoke"] == [BASE_LR]


def test_the_docstring_says_with_which_version_it_was_tested() -> None:
    export_runs.skip_without("lightning")
    from warmboot.exporters import lightning_dict

    assert f"Tested with lightning {export_runs.tested_with('lightning')}" in str(lightning_dict.__doc__)
