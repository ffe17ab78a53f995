"""A host that steps the scheduler too seldom for its horizon is told once: with the real Lightning."""

import weakref
from pathlib import Path

import torch

from tests.warmboot_tests.export_runs import run_driver, skip_without
from warmboot.schedule import WarmbootSchedule
from warmboot.warmboot_lr import WarmbootLR

_DRIVER = """
import json, logging, warnings
import lightning as L
import torch
from torch.utils.data import DataLoader
from warmboot import WarmbootLR, WarmbootSchedule

logging.disable(logging.CRITICAL)
LINEAR = WarmbootSchedule(curve="linear")


class Model(L.LightningModule):
    def __init__(self, total_steps, interval):
        super().__init__()
        self.layer, self.total_steps, self.interval = torch.nn.Linear(1, 1), total_steps, interval

    def training_step(self, batch, _):
        return self.layer(batch).mean()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=1.0)
        scheduler = WarmbootLR(optimizer, LINEAR, total_steps=self.total_steps)
        if self.interval is None:
            return [optimizer], [scheduler]
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": self.interval}}


def said(total_steps, interval, **trainer):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        L.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
                  enable_model_summary=False, **{"max_epochs": 3, **trainer}
                  ).fit(Model(total_steps, interval), DataLoader(torch.ones(8, 1)))
    return [str(one.message) for one in caught if "WarmbootLR" in str(one.message)]


print(json.dumps([
    said(24, None), said(3, None), said(24, "step"), said(24, None, fast_dev_run=True),
    said(24, None, max_epochs=-1, max_steps=16),
]))
"""


def test_lightning_that_steps_once_an_epoch_on_a_horizon_in_steps_is_told(tmp_path: Path) -> None:
    skip_without("lightning")
    runs = ("an epoch", "an epoch, horizon in epochs", "a step", "smoke test", "no end of epochs")
    root = Path(__file__).resolve().parents[2]
    said = run_driver(_DRIVER, tmp_path, dict.fromkeys(runs, ""), PYTHONPATH=str(root))
    (told,) = said.pop("an epoch")
    assert "Lightning steps it once an epoch, 3 times in all, but total_steps is 24" in told
    assert 'return {"scheduler": scheduler, "interval": "step"} as lr_scheduler' in told
    assert set(map(len, said.values())) == {0}


def test_the_search_for_a_host_keeps_nothing_of_a_loop_of_ones_own_alive() -> None:
    trainer = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(trainer.parameters(), lr=0.1)
    scheduler = WarmbootLR(optimizer, WarmbootSchedule(), total_steps=10)
    output = trainer(torch.ones(1))
    output.sum().backward()
    optimizer.step()
    scheduler.step()
    kept = weakref.ref(output)
    del output
    assert kept() is None
