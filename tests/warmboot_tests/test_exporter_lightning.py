"""The export for Lightning, trained with the real `Trainer`."""

from pathlib import Path
from typing import Any

import pytest

from tests.warmboot_tests import export_runs
from tests.warmboot_tests.export_runs import SCHEDULES, STEPS, expected_lrs
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

    def training_step(self, batch, batch_idx):
        return ((self.weight * batch - 1) ** 2).mean()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=base_lr)
        return self.schedule.configured(optimizer, self.trainer.estimated_stepping_batches)

    def on_before_optimizer_step(self, optimizer):
        self.lrs.append(optimizer.param_groups[0]["lr"])

def train(schedule, epochs, checkpoint=None):
    module = Module(schedule)
    trainer = pl.Trainer(
        max_epochs=6, accumulate_grad_batches=2, accelerator="cpu", logger=False, barebones=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        callbacks=[StopAfter(epochs)])
    trainer.fit(module, torch.utils.data.DataLoader(torch.ones(8, 1)), ckpt_path=checkpoint)
    trainer.save_checkpoint("last.ckpt")
    return module.lrs

class StopAfter(pl.Callback):
    def __init__(self, epochs):
        self.epochs = epochs

    def on_train_epoch_end(self, trainer, module):
        trainer.should_stop = trainer.current_epoch + 1 == self.epochs

found = []
for name in modules:
    schedule = importlib.import_module(name)
    found.append({"lrs": train(schedule, 6)})
    if name == modules[0]:
        found[0]["resumed"] = train(schedule, 2) + train(schedule, 6, "last.ckpt")
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
    assert found["restarts"]["resumed"] == expected_lrs("restarts")


def test_an_infinite_horizon_is_refused() -> None:
    namespace: dict[str, Any] = {}
    exec(to_lightning(SCHEDULES["wsd"]), namespace)
    with pytest.raises(ValueError, match="set max_steps or max_epochs, or give the number"):
        namespace["configured"](None, float("inf"))


def test_the_docstring_says_with_which_version_it_was_tested() -> None:
    export_runs.skip_without("lightning")
    from warmboot.exporters import lightning_dict

    assert f"Tested with lightning {export_runs.tested_with('lightning')}" in str(lightning_dict.__doc__)
