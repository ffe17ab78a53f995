"""Exporters by name: what each needs of a schedule file, and what it makes of one."""

import subprocess
import sys

import pytest

from warmboot.errors import ScheduleError
from warmboot.exporters import EXPORTERS, to_cawb, to_numbers, to_torch_script, to_transformers
from warmboot.schedule import WarmbootSchedule
from warmboot.schedule_file import Horizon, ScheduleFile, reads, writes

SCHEDULE = WarmbootSchedule(warmup=0.1, restarts=[0.5], step_scale=0.5)
FILE = ScheduleFile(SCHEDULE, Horizon(100, 20, 5), {"study": "small"})


def test_each_makes_what_its_function_makes() -> None:
    texts = {name: target.render(FILE) for name, target in EXPORTERS.items()}
    assert texts["json"] == writes(FILE)
    assert texts["torch"] == to_torch_script(SCHEDULE, total_steps=100, origin=FILE.origin)
    assert texts["transformers"] == to_transformers(SCHEDULE, total_steps=100, origin=FILE.origin)
    assert texts["numbers"] == to_numbers(SCHEDULE, 100)
    assert texts["cawb"] == to_cawb(SCHEDULE, epochs=20, steps_per_epoch=5, origin=FILE.origin)
    assert len(set(texts.values())) == len(EXPORTERS)


def test_a_schedule_with_an_lr_gives_lrs_as_numbers() -> None:
    schedule = SCHEDULE.replace(lr=0.3)
    text = EXPORTERS["numbers"].render(ScheduleFile(schedule, Horizon(100)))
    assert text == to_numbers(schedule, 100, with_lr=True)


@pytest.mark.parametrize("name", EXPORTERS)
@pytest.mark.parametrize("horizon", [None, Horizon(100), Horizon(100, 20, 5)])
def test_what_a_target_needs_of_the_horizon_is_what_it_says(name: str, horizon: Horizon | None) -> None:
    target, file = EXPORTERS[name], ScheduleFile(SCHEDULE, horizon)
    enough = {
        "any": True,
        "steps": horizon is not None,
        "epochs": horizon is not None and horizon.epochs is not None,
    }
    if enough[target.horizon]:
        assert target.render(file)
    else:
        with pytest.raises(ScheduleError, match="needs a horizon"):
            target.render(file)


PYTHON = [name for name in EXPORTERS if name not in ("json", "numbers")]


@pytest.mark.parametrize("name", PYTHON)
def test_a_python_export_is_python_whatever_its_origin_says(name: str) -> None:
    origin = {"study": "a\nprint('code')", "note": "{factor} {default} '''", "nested": {"a": [1]}}
    text = EXPORTERS[name].render(ScheduleFile(SCHEDULE, Horizon(100, 20, 5), origin))
    header = text.split("\n\n")[0].splitlines()
    assert all(line.startswith("#") for line in header)
    assert '# "note": "{factor} {default} \'\'\'"' in header
    compile(text, name, "exec")
    assert "warmboot" not in {
        line.split()[1].split(".")[0] for line in text.splitlines() if "import " in line[:7]
    }


def test_the_targets_import_none_of_their_libraries() -> None:
    libraries = ("torch", "transformers", "lightning", "mmengine", "ultralytics", "timm", "jax", "optax")
    code = f"import warmboot.exporters, sys; print([name for name in {libraries} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    assert done.stdout.strip() == "[]"


def test_the_schedule_file_is_read_back() -> None:
    assert reads(EXPORTERS["json"].render(FILE)) == FILE
