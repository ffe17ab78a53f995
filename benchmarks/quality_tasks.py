"""The tasks of `search_quality.py`. The first two chose the defaults; the others were kept for the report."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from quality_methods import Task

from search.proxies.registry import AnyProxy, declared_proxy
from search.spec.study_file import parse_study

SPACE: Mapping[str, Any] = {
    "warmup": {"low": 0.0, "high": 0.2},
    "n_restarts": {"low": 0, "high": 3},
    "step_scale": {"low": 0.4, "high": 1.0},
    "hold": {"low": 0.0, "high": 0.8},
    "eta_min": {"low": 0.0, "high": 0.3},
    "curve": ["cosine", "linear", "polynomial"],
    "power": {"low": 0.5, "high": 2.0},
}
"""That of the packaged study char_lm, but for the lr."""


class Setting(NamedTuple):
    """`short`: a training is expensive, fewer methods are compared."""

    proxy: str
    total_steps: int
    lowest_lr: float
    highest_lr: float
    arguments: Mapping[str, Any] = {}
    short: bool = False


TASKS: Mapping[str, Setting] = {
    "char_lm_mlp": Setting("char_lm_mlp", 600, 1e-2, 3.0),
    "mnist1d_mlp": Setting("mnist1d_mlp", 1240, 1e-2, 3.0),
    "char_lm_mlp_wd1e-4": Setting("char_lm_mlp", 600, 1e-2, 3.0, {"weight_decay": 1e-4}, short=True),
    "char_lm_mlp_wd1e-3": Setting("char_lm_mlp", 600, 1e-2, 3.0, {"weight_decay": 1e-3}, short=True),
    "mnist5k": Setting("mnist5k:mnist5k", 460, 3e-3, 1.0, short=True),
    "mnist1d_cnn": Setting("mnist1d_cnn", 434, 1e-2, 3.0, short=True),
    "char_gpt": Setting("char_gpt", 250, 3e-4, 1e-1, short=True),
    "digits_mlp": Setting("digits_mlp", 400, 1e-2, 3.0, short=True),
    "fashion": Setting("fashion_resnet", 1000, 1e-2, 3.0, short=True),
    "code_gpt": Setting("code_gpt", 400, 3e-4, 1e-1, short=True),
}


def load_task(name: str) -> tuple[AnyProxy, Task, bool]:
    """The proxy, what is searched on it, and whether few methods are compared."""
    sys.path.insert(0, str(Path(__file__).parent))  # proxies that only benchmarks use
    setting = TASKS[name]
    proxy = declared_proxy(setting.proxy, setting.arguments)
    table = {
        "name": name,
        "proxy": setting.proxy,
        "total_steps": setting.total_steps,
        "n_runs": 64,
        "space": {"lr": {"low": setting.lowest_lr, "high": setting.highest_lr, "log": True}, **SPACE},
    }
    return proxy, Task(parse_study(table, place=name), proxy.steps_per_epoch), setting.short
