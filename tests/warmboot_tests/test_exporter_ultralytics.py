"""The export for Ultralytics: a small YOLO trained by its real `DetectionTrainer`."""

from pathlib import Path
from typing import Any

import pytest

from tests.warmboot_tests import export_runs
from tests.warmboot_tests.export_runs import BASE_LR, SCHEDULES, STEPS, expected_lrs
from warmboot.exporters import to_ultralytics

# Six epochs of four batches. Its validation alone needs torchvision, which has no build for every
# torch: it is left out, and where torchvision is missing an empty module stands in for it.
DRIVER = """
import importlib.metadata, importlib.util, json, os, pathlib, sys, types
if importlib.util.find_spec("torchvision") is None:
    real = importlib.metadata.version
    importlib.metadata.version = lambda name: "0.0.0" if name == "torchvision" else real(name)
    sys.modules["torchvision"] = types.ModuleType("torchvision")
import cv2
import numpy as np
import torch

steps, base_lr, modules = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]

data = pathlib.Path("data").resolve()
for part in ("images", "labels"):
    (data / part).mkdir(parents=True)
pixels = np.random.default_rng(0)
for i in range(8):
    cv2.imwrite(str(data / f"images/{i}.png"), pixels.integers(0, 255, (32, 32, 3), dtype=np.uint8))
    (data / f"labels/{i}.txt").write_text("0 0.5 0.5 0.5 0.5\\n")
(data / "data.yaml").write_text(f"path: {data}\\ntrain: images\\nval: images\\nnames: {{0: thing}}\\n")

# one convolution for each stride: the trainer is tested, not the model
pathlib.Path("tiny.yaml").write_text('''
nc: 1
backbone:
  - [-1, 1, Conv, [4, 3, 2]]
  - [-1, 1, Conv, [4, 3, 2]]
  - [-1, 1, Conv, [4, 3, 2]]
head:
  - [[2], 1, Detect, [nc]]
''')

def train(schedule, callbacks={}, **arguments):
    class Trainer(schedule.ScheduledTrainer):
        def validate(self):
            return {}, 0.0

        def final_eval(self):
            pass

        def save_model(self):  # it reads a table of its results with polars
            return super().save_model() if self.args.save else False

    overrides = dict(
        model="tiny.yaml", data=str(data / "data.yaml"), epochs=steps // 4, batch=2, nbs=4, imgsz=32,
        device="cpu", workers=0, plots=False, val=False, save=False, amp=False, optimizer="SGD",
        lr0=base_lr, project=os.getcwd(), exist_ok=True, verbose=False)
    trainer, lrs = Trainer(overrides={**({} if "resume" in arguments else overrides), **arguments}), []
    trainer.add_callback(
        "on_train_batch_end", lambda trainer: lrs.append([g["lr"] for g in trainer.optimizer.param_groups]))
    for event, callback in callbacks.items():
        trainer.add_callback(event, callback)
    try:
        trainer.train()
    except KeyboardInterrupt:
        pass
    return lrs

def unfreeze(trainer):
    if trainer.epoch == 3:
        new = torch.nn.Parameter(torch.zeros(1))
        trainer.optimizer.add_param_group({"params": [new], "lr": 0.1})

def break_off(trainer):
    if trainer.epoch == 1:
        raise KeyboardInterrupt

def resumed(schedule):
    first = train(schedule, {"on_model_save": break_off}, save=True, warmup_epochs=0)
    return first + train(schedule, model=str(pathlib.Path("weights/last.pt").resolve()), resume=True)

found = []
for name in modules:
    schedule = importlib.import_module(name)
    found.append({"lrs": train(schedule, warmup_epochs=0)})
first = importlib.import_module(modules[0])
if importlib.util.find_spec("polars"):
    found[0]["resumed"] = resumed(first)
found[0]["unfrozen"] = train(first, callbacks={"on_train_epoch_start": unfreeze}, warmup_epochs=0)
smoke = importlib.import_module(modules[-1])
found[0]["smoke"] = train(smoke, epochs=1, warmup_epochs=0)
try:
    train(schedule)
except ValueError as error:
    found[0]["error"] = str(error)
print("\\n" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    export_runs.skip_without("ultralytics")
    export_runs.skip_without("cv2")
    files = {name: to_ultralytics(made, total_steps=STEPS) for name, made in SCHEDULES.items()}
    folder: Path = tmp_path_factory.mktemp("ultralytics")
    return export_runs.run_driver(
        DRIVER, folder, files, YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false", YOLO_CONFIG_DIR=str(folder)
    )


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_group_is_trained_as_the_schedule_says(name: str, found: dict[str, Any]) -> None:
    groups = list(zip(*found[name]["lrs"], strict=True))
    assert len(groups) > 1
    for lrs in groups:
        assert list(lrs) == expected_lrs(name)


def test_a_group_added_half_way_follows_the_schedule(found: dict[str, Any]) -> None:
    lrs = found["restarts"]["unfrozen"]
    assert [each[0] for each in lrs] == expected_lrs("restarts")
    assert [each[-1] for each in lrs[12:]] == pytest.approx(
        (0.1 * SCHEDULES["restarts"].factors(STEPS)[12:]).tolist(), rel=1e-12
    )


def test_resumed_from_its_checkpoint_it_goes_on(found: dict[str, Any]) -> None:
    export_runs.skip_without("polars")
    assert [each[0] for each in found["restarts"]["resumed"]] == expected_lrs("restarts")


def test_a_smoke_test_of_one_epoch_trains(found: dict[str, Any]) -> None:
    """Its four batches are too few for the table."""
    assert found["restarts"]["smoke"] == [[BASE_LR] * 3] * 4


def test_its_own_warmup_is_refused(found: dict[str, Any]) -> None:
    expected = "warmup_epochs is 3.0: pass warmup_epochs=0, the schedule has its own"
    assert found["restarts"]["error"] == expected


def test_the_docstring_says_with_which_version_it_was_tested() -> None:
    export_runs.skip_without("ultralytics")
    from warmboot.exporters import ultralytics_trainer

    words = f"Tested with ultralytics {export_runs.tested_with('ultralytics')}"
    assert words in str(ultralytics_trainer.__doc__)
