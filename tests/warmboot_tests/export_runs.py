"""Exported files trained with the real library, in a process of its own.

These libraries take seconds to import and warn of much on their way, and what they load would stay
in the tests' process: so each is run once for all of its schedules.
"""

import importlib.util
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from warmboot.curves import Polynomial, register_curve
from warmboot.schedule import WarmbootSchedule

STEPS = 24
BASE_LR = 0.3

_ROOT = register_curve("root_for_exports", lambda x: np.sqrt(1.0 - x))
SCHEDULES: dict[str, WarmbootSchedule] = {
    "restarts": WarmbootSchedule(warmup=0.2, restarts=[0.5, 0.8], step_scale=0.7, eta_min=0.1),
    "each its scale": WarmbootSchedule(restarts=[0.4, 0.7], step_scale=[0.5, 0.9], curve="rex"),
    "wsd": WarmbootSchedule(warmup_steps=3, hold=0.6, curve="one_minus_sqrt"),
    "polynomial": WarmbootSchedule(lr=BASE_LR, curve=Polynomial(power=0.7)),
    # a function that the file can't hold: it becomes a table
    "registered": WarmbootSchedule(warmup=0.1, curve=_ROOT),
}


def skip_without(library: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: its exporter is tested with the real library alone")


def run_driver(driver: str, folder: Path, files: dict[str, str], **environment: str) -> dict[str, Any]:
    """What a driver script prints as its last line, a JSON object by schedule.

    The exported files lie in its working directory as `schedule_0.py`, `schedule_1.py`, ...; their
    modules are its arguments, in the order of `files`.
    """
    modules = []
    for i, text in enumerate(files.values()):
        (folder / f"schedule_{i}.py").write_text(text)
        modules.append(f"schedule_{i}")
    (folder / "driver.py").write_text(driver)
    done = subprocess.run(
        [sys.executable, "driver.py", str(STEPS), str(BASE_LR), *modules],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return dict(zip(files, found, strict=True))


def expected_lrs(name: str, total_steps: int = STEPS) -> Any:
    return pytest.approx((BASE_LR * SCHEDULES[name].factors(total_steps)).tolist(), rel=1e-12, abs=0)


def tested_with(library: str) -> str:
    """The version as the docstrings give it, `major.minor`."""
    return ".".join(version(library).split(".")[:2])
