"""The export for Hugging Face's `Trainer`, trained with the real one."""

from pathlib import Path
from typing import Any

import pytest

from tests.warmboot_tests import export_runs
from tests.warmboot_tests.export_runs import BASE_LR, SCHEDULES, STEPS, expected_lrs
from warmboot.errors import ScheduleError
from warmboot.exporters import to_transformers
from warmboot.schedule import WarmbootSchedule

# accumulation of two batches; and a training that is broken off and resumed in the middle
DRIVER = """
import importlib, json, sys, warnings
import torch
from transformers import TrainerCallback, TrainingArguments

steps, base_lr, modules = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.frozen = torch.nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, x, labels=None):
        return {"loss": ((self.weight * x - 1) ** 2).mean()}

class Recorder(TrainerCallback):
    def __init__(self):
        self.lrs = []

    def on_pre_optimizer_step(self, args, state, control, optimizer=None, **_):
        self.lrs.append([group["lr"] for group in optimizer.param_groups])

class Unfreeze(TrainerCallback):
    def on_step_begin(self, args, state, control, model=None, optimizer=None, **_):
        if state.global_step == 9:
            optimizer.add_param_group({"params": [model.frozen], "lr": 0.1})

data = [{"x": torch.ones(1), "labels": torch.ones(1)} for _ in range(8)]

def train(module, stop_at=None, resume=False, callbacks=(), **arguments):
    recorder = Recorder()
    args = TrainingArguments(
        output_dir=module.__name__, **{"max_steps": steps, "learning_rate": base_lr, **arguments},
        per_device_train_batch_size=2, report_to=[],
        gradient_accumulation_steps=2, use_cpu=True, disable_tqdm=True,
        logging_strategy="no", save_strategy="steps" if stop_at else "no", save_steps=stop_at or 500,
        lr_scheduler_type="cosine", warmup_steps=3)
    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            control.should_training_stop = state.global_step == stop_at
    trainer = module.ScheduledTrainer(
        model=Model(), args=args, train_dataset=data,
        callbacks=[recorder, *callbacks] + [Stop()] * bool(stop_at))
    trainer.train(resume_from_checkpoint=resume)
    return recorder.lrs if callbacks else [lrs[0] for lrs in recorder.lrs]

found = []
for name in modules:
    module = importlib.import_module(name)
    found.append({"lrs": train(module)})
    if name == modules[0]:
        found[0]["resumed"] = [
            train(module, stop_at=step) + train(module, resume=f"{name}/checkpoint-{step}")
            for step in (1, 9, 23)]
        found[0]["longer"] = train(module, resume=f"{name}/checkpoint-9", max_steps=36)
        found[0]["unfrozen"] = train(module, callbacks=[Unfreeze()])
        found[0]["smoke"] = train(module, max_steps=1)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        train(module, max_steps=24, learning_rate=2 * base_lr)
        found[-1]["said"] = [str(one.message) for one in said if "peak lr" in str(one.message)]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    export_runs.skip_without("transformers")
    export_runs.skip_without("accelerate")  # without it there is no Trainer
    files = {name: to_transformers(made, total_steps=STEPS) for name, made in SCHEDULES.items()}
    folder: Path = tmp_path_factory.mktemp("transformers")
    return export_runs.run_driver(DRIVER, folder, files, HF_HUB_OFFLINE="1")


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_trainer_trains_as_the_schedule_says(name: str, found: dict[str, Any]) -> None:
    assert found[name]["lrs"] == expected_lrs(name)


def test_a_resumed_trainer_goes_on(found: dict[str, Any]) -> None:
    for lrs in found["restarts"]["resumed"]:
        assert lrs == expected_lrs("restarts")


def test_a_training_made_longer_follows_the_schedule_on_its_new_horizon(found: dict[str, Any]) -> None:
    longer = (BASE_LR * SCHEDULES["restarts"].factors(36)).tolist()
    assert found["restarts"]["longer"][1:] == pytest.approx(longer[10:], rel=1e-12, abs=0)


def test_a_group_added_half_way_follows_the_schedule(found: dict[str, Any]) -> None:
    lrs, factors = found["restarts"]["unfrozen"], SCHEDULES["restarts"].factors(STEPS)
    assert [each[0] for each in lrs] == expected_lrs("restarts")
    assert [each[-1] for each in lrs[10:]] == pytest.approx((0.1 * factors[10:]).tolist(), rel=1e-12)


@pytest.mark.parametrize("name", SCHEDULES)
def test_another_peak_lr_than_the_schedules_is_said(name: str, found: dict[str, Any]) -> None:
    own = SCHEDULES[name].lr
    said = (
        "the schedule was found with a peak lr of 0.3, this training's is 0.6, which counts; the schedule's "
        "own is TrainingArguments(learning_rate=0.3)"
    )
    assert found[name]["said"] == ([] if own is None else [said])


def test_a_smoke_test_of_one_step_trains(found: dict[str, Any]) -> None:
    assert found["restarts"]["smoke"] == [BASE_LR]


def test_the_docstring_says_with_which_version_it_was_tested() -> None:
    export_runs.skip_without("transformers")
    from warmboot.exporters import transformers_trainer

    words = f"Tested with transformers {export_runs.tested_with('transformers')}"
    assert words in str(transformers_trainer.__doc__)


def test_a_horizon_without_room_is_refused() -> None:
    with pytest.raises(ScheduleError, match="every cycle needs at least one step"):
        to_transformers(WarmbootSchedule(restarts=[0.5, 0.51]), total_steps=10)
