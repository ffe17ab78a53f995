"""Warmboot: learning-rate schedules with warm-up, restarts and decay, as plain numbers.

Start at `WarmbootSchedule`; `WarmbootLR` drives a PyTorch optimizer with one, `read` and `write`
keep it in a file, `suggest_schedule` draws one inside an Optuna objective, `attach` (`lr` without torch)
and `report` put a training script of your own into a search, `checkpoint_dir` lets it go on where it was,
`function_proxy` makes a function one, and `launch` runs a search from a notebook or script. Importing this
package imports neither torch nor optuna, and numpy only when something is used: names are looked up where
they live, when they are asked for.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # before anything that an older one can't read
    from warmboot.python_version import refuse_older

    refuse_older()

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers, which cannot read the table below
    from warmboot.attaching import attach as attach
    from warmboot.baseline_schedules import baselines as baselines
    from warmboot.baseline_schedules import opponents as opponents
    from warmboot.baseline_schedules import standards as standards
    from warmboot.best_trial import write_best as write_best
    from warmboot.cawb import CosineAnnealingWarmbootingLR as CosineAnnealingWarmbootingLR
    from warmboot.checkpoints import checkpoint_dir as checkpoint_dir
    from warmboot.curves import Constant as Constant
    from warmboot.curves import Cosine as Cosine
    from warmboot.curves import Curve as Curve
    from warmboot.curves import Linear as Linear
    from warmboot.curves import OneMinusSqrt as OneMinusSqrt
    from warmboot.curves import Polynomial as Polynomial
    from warmboot.curves import Rex as Rex
    from warmboot.curves import register_curve as register_curve
    from warmboot.errors import ScheduleError as ScheduleError
    from warmboot.errors import ScheduleFileError as ScheduleFileError
    from warmboot.function_proxies import function_proxy as function_proxy
    from warmboot.launching import launch as launch
    from warmboot.launching import open_study as open_study
    from warmboot.lr_of_steps import LrOfSteps as LrOfSteps
    from warmboot.lr_of_steps import lr as lr
    from warmboot.reporting import StopTraining as StopTraining
    from warmboot.reporting import params as params
    from warmboot.reporting import report as report
    from warmboot.schedule import WarmbootSchedule as WarmbootSchedule
    from warmboot.schedule_file import Horizon as Horizon
    from warmboot.schedule_file import ScheduleFile as ScheduleFile
    from warmboot.schedule_file import read as read
    from warmboot.schedule_file import reads as reads
    from warmboot.schedule_file import write as write
    from warmboot.schedule_file import writes as writes
    from warmboot.space import Space as Space
    from warmboot.space import suggest_schedule as suggest_schedule
    from warmboot.space_checks import SpaceError as SpaceError
    from warmboot.warmboot_lr import WarmbootLR as WarmbootLR

_NAMES_BY_HOME = {
    "attaching": "attach",
    "baseline_schedules": "baselines opponents standards",
    "best_trial": "write_best",
    "cawb": "CosineAnnealingWarmbootingLR",
    "checkpoints": "checkpoint_dir",
    "curves": "Constant Cosine Curve Linear OneMinusSqrt Polynomial Rex register_curve",
    "errors": "ScheduleError ScheduleFileError",
    "function_proxies": "function_proxy",
    "launching": "launch open_study",
    "lr_of_steps": "LrOfSteps lr",
    "reporting": "StopTraining params report",
    "schedule": "WarmbootSchedule",
    "schedule_file": "Horizon ScheduleFile read reads write writes",
    "space": "Space suggest_schedule",
    "space_checks": "SpaceError",
    "warmboot_lr": "WarmbootLR",
}
_HOME_OF = {name: home for home, names in _NAMES_BY_HOME.items() for name in names.split()}

__all__ = sorted(_HOME_OF)


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
