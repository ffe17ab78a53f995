"""The page on checkpoints: what it shows goes on where it was, with the numbers of an unbroken training."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import warmboot
from search.checkpoints.script_files import hand_to_script
from tests.warmboot_tests.trials import enter_trial, reports_of
from warmboot.schedule import WarmbootSchedule

PAGE = Path(__file__).parents[1] / "docs" / "checkpoints.md"
OWN_TRAINING = PAGE.with_name("own_training.md")
STEPS = 40
SCHEDULE = WarmbootSchedule(lr=0.05, warmup=0.2, curve="linear")


class KilledError(Exception):
    """The process ends here."""


def code(mark: str, page: Path = PAGE) -> str:
    """The code block after this comment."""
    found = re.search(rf"<!-- {mark} -->\n```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def run(text: str, **names: Any) -> dict[str, Any]:
    """What code defines."""
    scope = {"torch": torch, "nn": nn, "F": nn.functional, "warmboot": warmboot, "os": os, **names}
    exec(compile(text, str(PAGE), "exec"), scope)
    return scope


Attempt = Callable[[], list[tuple[int, float]]]


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Callable[[], object], str], Any]:
    """Trains once in a trial whose folder has a name: its reports, and whether it was killed."""
    monkeypatch.delenv("RANK", raising=False)
    count = iter(range(9))

    def attempt(train: Callable[[], object], name: str) -> tuple[list[tuple[int, float]], bool]:
        place = tmp_path / f"attempt {next(count)}"
        place.mkdir()
        trial = enter_trial(monkeypatch, place, total_steps=STEPS, schedule=SCHEDULE)
        kept = tmp_path / name
        kept.mkdir(exist_ok=True)
        known = hand_to_script(kept, trial)
        torch.manual_seed(0)
        killed = False
        try:
            train()
        except KilledError:
            killed = True
        new = trial.reports.read_bytes()[known:].decode()
        trial.reports.write_text(new)
        return [(report.step, report.metrics["val"]) for report in reports_of(trial)], killed

    return attempt


def check_goes_on(
    attempts: Callable[..., Any],
    make: Callable[[int | None], Callable[[], object]],
    killed_at: int,
    first: int,
) -> None:
    """`make`: a training that is killed at a step; `first`: the first report of the one that goes on."""
    unbroken, _ = attempts(make(None), "unbroken")
    before, was_killed = attempts(make(killed_at), "killed")
    after, _ = attempts(make(None), "killed")
    assert was_killed
    assert before == [pair for pair in unbroken if pair[0] <= killed_at]
    assert after == [pair for pair in unbroken if pair[0] >= first], "bit for bit, and not from the start"


def test_a_loop_of_ones_own(attempts: Callable[..., Any]) -> None:
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    y = x.sum(1, keepdim=True)
    functions = run(code("loop's functions"))

    def make(killed_at: int | None) -> Callable[[], object]:
        def batch_loss(model: nn.Module, step: int) -> torch.Tensor:
            if step == killed_at:
                raise KilledError
            rows = torch.randint(64, (8,))  # of the generator that is restored
            return nn.functional.mse_loss(model(x[rows]), y[rows])

        def validation_loss(model: nn.Module) -> float:
            return nn.functional.mse_loss(model(x), y).item()

        names = {"batch_loss": batch_loss, "validation_loss": validation_loss}
        train = run(code("loop"), **functions, **names)["train"]

        def training() -> None:
            model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 1))
            train(model, torch.optim.AdamW(model.parameters(), lr=1e-3), STEPS)

        return training

    check_goes_on(attempts, make, killed_at=27, first=30)


def test_the_same_loop_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARMBOOT_TRIAL", raising=False)
    losses = {"batch_loss": lambda model, _: model.weight.sum(), "validation_loss": lambda _: 0.0}
    train = run(code("loop"), **run(code("loop's functions")), **losses)["train"]
    model = nn.Linear(2, 1)
    train(model, torch.optim.SGD(model.parameters(), lr=0.1), 20)


class Line(nn.Module):
    """A model as `Trainer` wants one."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 1)

    def forward(self, x: Any, labels: Any) -> dict[str, Any]:
        made = nn.functional.dropout(self.layer(x), 0.2, self.training)
        return {"loss": nn.functional.mse_loss(made, labels), "logits": made}


@pytest.mark.filterwarnings("ignore")
def test_a_trainer(attempts: Callable[..., Any]) -> None:
    transformers = pytest.importorskip("transformers")
    drawn = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    rows = [{"x": x, "labels": x.sum(0, keepdim=True)} for x in drawn]

    class Reports(transformers.TrainerCallback):  # type: ignore[misc, name-defined]
        killed_at: int | None = None

        def on_evaluate(self, _args: Any, state: Any, _control: Any, metrics: Any, **_: Any) -> None:
            warmboot.report(state.global_step, val=metrics["eval_loss"])

        def on_step_end(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            if state.global_step == self.killed_at:
                raise KilledError

    def make(killed_at: int | None) -> Callable[[], object]:
        def training() -> None:
            args = transformers.TrainingArguments(
                output_dir=str(warmboot.checkpoint_dir()),
                max_steps=STEPS,
                per_device_train_batch_size=4,
                eval_strategy="steps",
                eval_steps=10,
                save_steps=10,
                save_total_limit=2,
                report_to="none",
                disable_tqdm=True,
                use_cpu=True,
            )
            model, reports = Line(), Reports()
            reports.killed_at = killed_at
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
            trainer = transformers.Trainer(
                model=model,
                args=args,
                train_dataset=rows[:48],
                eval_dataset=rows[48:],
                optimizers=(optimizer, warmboot.attach(optimizer, STEPS)),
                callbacks=[reports],
            )
            run(code("trainer"), trainer=trainer)

        return training

    check_goes_on(attempts, make, killed_at=27, first=30)


@pytest.mark.filterwarnings("ignore")
def test_lightning(attempts: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lightning = pytest.importorskip("lightning")
    monkeypatch.chdir(tmp_path)
    pages = {"lightning": lightning, "OneCycleLR": torch.optim.lr_scheduler.OneCycleLR}
    net = run(code("lightning", OWN_TRAINING), **pages)["Net"]
    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(1))
    loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=4)  # 8 steps an epoch

    class Killed(lightning.Callback):  # type: ignore[misc, name-defined]
        def __init__(self, at: int | None) -> None:
            self.at = at

        def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == self.at:
                raise KilledError

    def make(killed_at: int | None) -> Callable[[], object]:
        def trainer(**settings: Any) -> Any:
            settings["callbacks"].append(Killed(killed_at))
            quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
            return lightning.Trainer(accelerator="cpu", num_sanity_val_steps=0, **quiet, **settings)

        class Named:
            Trainer = staticmethod(trainer)

        names = {"epochs": STEPS // 8, "loader": loader, "val_loader": loader, "lightning": Named}
        names["ModelCheckpoint"] = lightning.pytorch.callbacks.ModelCheckpoint
        return lambda: run(code("lightning"), model=net(), **names)

    check_goes_on(attempts, make, killed_at=27, first=32)


def test_a_script_that_is_asked_to_end_saves_and_says_so(tmp_path: Path) -> None:
    """With the exit code of a process that SIGTERM has ended."""
    setup, _, in_the_loop = code("asked to end").partition("...\n")
    loop = "".join(f"    {line}\n" for line in in_the_loop.splitlines())
    script = f"""
import signal, sys, threading, time
from pathlib import Path
folder, parts = Path(sys.argv[1]), {{}}
def save(folder, parts, step):
    (folder / "saved").write_text(str(step))
{setup}
for step in range(1, 10_000):
    time.sleep(0.01)
{loop}
    print(step, flush=True)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        killer = threading.Timer(60.0, process.kill)
        killer.start()
        while int(process.stdout.readline()) < 13:
            pass
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait() == 143
        killer.cancel()
    assert int((tmp_path / "saved").read_text()) > 13
