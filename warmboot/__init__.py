"""Warmboot: learning-rate schedules with warm-up, restarts and decay, as plain numbers.

Start at `WarmbootSchedule`; `WarmbootLR` drives a PyTorch optimizer with one, `read` and `write`
keep it in a file, `suggest_schedule` draws one inside an Optuna objective, `attach` (`lr` without torch)
and `report` put a training script of your own into a search. Importing this package imports neither
torch nor optuna, and numpy only when something is used: names are looked up where they live, when they
are asked for.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # before anything that an older one can't read
    from warmboot.python_version import refuse_older

    refuse_older()

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warmboot.attaching import attach
    from warmboot.best_trial import write_best
    from warmboot.cawb import CosineAnnealingWarmbootingLR
    from warmboot.curves import (
        Constant,
        Cosine,
        Curve,
        Linear,
        OneMinusSqrt,
        Polynomial,
        Rex,
        register_curve,
    )
    from warmboot.errors import ScheduleError, ScheduleFileError
    from warmboot.lr_of_steps import LrOfSteps, lr
    from warmboot.reporting import StopTraining, params, report
    from warmboot.schedule import WarmbootSchedule
    from warmboot.schedule_file import Horizon, ScheduleFile, read, reads, write, writes
    from warmboot.space import Space, suggest_schedule
    from warmboot.space_checks import SpaceError
    from warmboot.standards import standards
    from warmboot.warmboot_lr import WarmbootLR

__all__ = [
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
    "lr",
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

_NAMES_BY_HOME = {
    "attaching": "attach",
    "best_trial": "write_best",
    "cawb": "CosineAnnealingWarmbootingLR",
    "curves": "Constant Cosine Curve Linear OneMinusSqrt Polynomial Rex register_curve",
    "errors": "ScheduleError ScheduleFileError",
    "lr_of_steps": "LrOfSteps lr",
    "reporting": "StopTraining params report",
    "schedule": "WarmbootSchedule",
    "schedule_file": "Horizon ScheduleFile read reads write writes",
    "space": "Space suggest_schedule",
    "space_checks": "SpaceError",
    "standards": "standards",
    "warmboot_lr": "WarmbootLR",
}
_HOME_OF = {name: home for home, names in _NAMES_BY_HOME.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'warmboot' has no attribute {name!r}")
    try:
        value = getattr(import_module(f"warmboot.{_HOME_OF[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        text = f"warmboot.{name} needs torch, which is not installed: pip install torch"
        raise ModuleNotFoundError(text, name="torch") from None
    globals()[name] = value  # the next look-up finds it without asking here
    return value


def __dir__() -> list[str]:
    return __all__
