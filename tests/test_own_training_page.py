"""The page on one's own training: its Trainer and its Lightning module train what a trial asks for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import warmboot
from tests.warmboot_tests.trials import enter_trial, reports_of
from warmboot.schedule import WarmbootSchedule
from warmboot.trial_files import TrialFile

PAGE = Path(__file__).parents[1] / "docs" / "own_training.md"
STEPS = 8
SCHEDULE = WarmbootSchedule(lr=0.01, warmup=0.2, curve="linear")


def block(mark: str, **names: Any) -> dict[str, Any]:
    """What the code block after this comment defines."""
    found = re.search(rf"<!-- {mark} -->\n```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    scope = {"torch": torch, "nn": nn, "F": torch.nn.functional, "warmboot": warmboot, **names}
    exec(compile(found[1], str(PAGE), "exec"), scope)
    return scope


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TrialFile:
    monkeypatch.delenv("RANK", raising=False)
    return enter_trial(monkeypatch, tmp_path, total_steps=STEPS, schedule=SCHEDULE)


class Line(nn.Module):
    """A model as `Trainer` wants one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, x: Any, labels: Any) -> dict[str, Any]:
        made = self.layer(x)
        return {"loss": nn.functional.mse_loss(made, labels), "logits": made}


@pytest.mark.filterwarnings("ignore")
def test_a_trainer_that_loads_the_best_model_at_its_end(trial: TrialFile, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    names = ("Trainer", "TrainerCallback", "get_linear_schedule_with_warmup")
    page = block("trainer", **{name: getattr(transformers, name) for name in names})
    torch.manual_seed(0)
    rows = [{"x": x, "labels": x.sum(0, keepdim=True)} for x in torch.randn(64, 4)]
    args = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"),
        max_steps=STEPS,
        per_device_train_batch_size=4,
        eval_strategy="steps",
        eval_steps=4,
        save_strategy="steps",
        save_steps=4,
        load_best_model_at_end=True,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    reached = page["train"](Line(), args, rows[:48], rows[48:])
    reports = reports_of(trial)
    assert [report.step for report in reports] == [4, STEPS, STEPS]
    assert reports[1].metrics == reports[2].metrics, "the evaluation after the training says nothing new"
    assert reports[2].metrics["val"] == pytest.approx(reached["eval_loss"])


@pytest.mark.filterwarnings("ignore")
def test_a_trainers_own_optimizer_keeps_its_groups(trial: TrialFile, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    made: list[Any] = []

    def kept(**arguments: Any) -> Any:
        made.append(transformers.Trainer(**arguments))
        return made[-1]

    names = ("TrainerCallback", "get_linear_schedule_with_warmup")
    classes = {"Trainer": kept, **{name: getattr(transformers, name) for name in names}}
    report = block("trainer", **classes)["Report"]
    page = block("trainer's own optimizer", Report=report, **classes)
    rows = [{"x": x, "labels": x.sum(0, keepdim=True)} for x in torch.randn(64, 4)]
    args = transformers.TrainingArguments(
        output_dir=str(tmp_path / "out"),
        max_steps=STEPS,
        per_device_train_batch_size=4,
        weight_decay=0.1,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    page["train"](Line(), args, rows[:48], rows[48:])
    assert [report.step for report in reports_of(trial)] == [STEPS]
    scheduler = made[0].lr_scheduler
    assert [group["weight_decay"] for group in scheduler.optimizer.param_groups] == [0.1, 0.0]
    assert (scheduler.last_epoch, scheduler.base_lrs) == (STEPS, [0.01, 0.01])


@pytest.mark.filterwarnings("ignore")
def test_a_lightning_module(trial: TrialFile) -> None:
    lightning = pytest.importorskip("lightning")
    page = block("lightning", lightning=lightning, OneCycleLR=torch.optim.lr_scheduler.OneCycleLR)
    torch.manual_seed(0)
    x = torch.randn(32, 4)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8)
    trainer = lightning.Trainer(
        max_epochs=STEPS // 4,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    model = page["Net"]()
    trainer.fit(model, loader, loader)
    assert [report.step for report in reports_of(trial)] == [0, 4, STEPS]
    assert trainer.lr_scheduler_configs[0].scheduler.last_epoch == STEPS


@pytest.mark.filterwarnings("ignore")
def test_a_backbone_that_lightning_unfreezes_follows_the_schedule(trial: TrialFile) -> None:
    lightning = pytest.importorskip("lightning")
    finetuning = pytest.importorskip("lightning.pytorch.callbacks").BaseFinetuning
    page = block("lightning", lightning=lightning, OneCycleLR=torch.optim.lr_scheduler.OneCycleLR)
    model = page["Net"]()
    model.backbone = nn.Linear(4, 4)
    model.parameters = model.layer.parameters  # what its optimizer begins with
    x = torch.randn(16, 4)
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8)
    trainer = lightning.Trainer(
        max_epochs=STEPS // 2,
        callbacks=[block("unfreezing", BaseFinetuning=finetuning)["Unfreeze"]()],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, loader, loader)
    lr, late_lr = (group["initial_lr"] for group in trainer.optimizers[0].param_groups)
    assert (lr, late_lr) == (0.01, pytest.approx(0.001))
    assert not trial.remark.exists()
