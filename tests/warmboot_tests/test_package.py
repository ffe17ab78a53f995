"""What importing `warmboot` costs, and what it offers: a list that is edited on purpose."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import warmboot

PUBLIC = [
    "Constant",
    "Cosine",
    "CosineAnnealingWarmbootingLR",
    "Curve",
    "Horizon",
    "Linear",
    "LrOfSteps",
    "OneMinusSqrt",
    "Polynomial",
    "Rex",
    "ScheduleError",
    "ScheduleFile",
    "ScheduleFileError",
    "Space",
    "SpaceError",
    "StopTraining",
    "WarmbootLR",
    "WarmbootSchedule",
    "attach",
    "baselines",
    "checkpoint_dir",
    "function_proxy",
    "launch",
    "lr",
    "open_study",
    "opponents",
    "params",
    "read",
    "reads",
    "register_curve",
    "report",
    "standards",
    "suggest_schedule",
    "write",
    "write_best",
    "writes",
]
# what a training environment may lack, or should not wait for
HEAVY = ("torch", "optuna", "search", "matplotlib")


def imported_by(code: str) -> set[str]:
    """Which of the heavy modules are loaded in a fresh interpreter after `code`."""
    report = f"{code}\nimport sys\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True, timeout=600
    )
    return set(done.stdout.split())


USES = [
    "import warmboot",
    "from warmboot import WarmbootSchedule as S; S(warmup=0.1).factors(100)",
    "from warmboot import CosineAnnealingWarmbootingLR",
    "from warmboot import ScheduleFile, WarmbootSchedule, reads, writes\n"
    "reads(writes(ScheduleFile(WarmbootSchedule())))",
    "import warmboot.preview, warmboot.exporters, warmboot.lints",
    "import warmboot.preview_input, warmboot.preview_png",
    "import warmboot; warmboot.attach; warmboot.report(1, val=0.5); warmboot.params()",
    "import warmboot; warmboot.lr(0.1, 10)(3); warmboot.lr(0.1, 10).table()",
    "from warmboot import function_proxy; from warmboot.proxies import Context",
]


@pytest.mark.parametrize("code", USES)
def test_the_pure_part_imports_nothing_heavy(code: str) -> None:
    assert imported_by(code) == set()


def test_the_test_above_would_notice() -> None:
    assert imported_by("from warmboot import WarmbootLR") == {"torch"}
    assert imported_by("import optuna") == {"optuna"}


def test_the_public_surface_is_this_list() -> None:
    assert list(warmboot.__all__) == PUBLIC == dir(warmboot)


def test_type_checkers_are_told_the_same_names() -> None:
    module = ast.parse(Path(str(warmboot.__file__)).read_text())
    told = [
        alias.asname
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname is not None
    ]
    assert sorted(told) == PUBLIC


def test_no_public_name_is_that_of_a_module() -> None:
    """Importing the module would put it in the place of what the name stands for."""
    modules = {module.name for module in pkgutil.iter_modules(warmboot.__path__)}
    assert modules & set(PUBLIC) == {"standards"}, "which nothing here imports"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(importlib.import_module("warmboot"), name)
    assert value.__doc__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'warmboot' has no attribute 'absent'"):
        warmboot.absent  # noqa: B018  # the look-up is the test
