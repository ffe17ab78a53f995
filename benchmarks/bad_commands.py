"""Wrong words, names, addresses, schedule files and training scripts, for `bad_input.py`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Typed:
    """What is typed after `warmboot`, and what is to be told."""

    words: Sequence[str]
    says: str
    exit_code: int = 2


def _file(schedule: Mapping[str, Any], **more: Any) -> str:
    return json.dumps({"format": "warmboot-schedule", "version": 1, "schedule": dict(schedule), **more})


_GOOD: Mapping[str, Any] = {
    "lr": 0.3,
    "warmup": 0.05,
    "restarts": [0.5],
    "step_scale": [0.8],
    "curve": {"name": "cosine"},
}


def _but(**changes: Any) -> str:
    return _file({**_GOOD, **changes})


SCHEDULES: Mapping[str, tuple[str | bytes, str]] = {
    "an empty schedule file": ("", "mine.json"),
    "no JSON": ("lr: 0.1", "JSON"),
    "a list of words": ('["a", "b"]', "mine.json"),
    "not UTF-8": (b"\xff\xfe{}", "mine.json"),
    "another format": (json.dumps({"format": "schedule", "version": 1, "schedule": {}}), "format"),
    "a newer version": (
        json.dumps({"format": "warmboot-schedule", "version": 99, "schedule": {}}),
        "version 99",
    ),
    "no schedule": (json.dumps({"format": "warmboot-schedule", "version": 1}), "schedule"),
    "a repeated key": (
        '{"format": "warmboot-schedule", "version": 1, "version": 1, "schedule": {}}',
        "repeated",
    ),
    "an unknown key": (_but(floor=0.1), "floor"),
    "a negative lr": (_but(lr=-1), "lr"),
    "an lr in words": (_but(lr="fast"), "lr"),
    "an lr that is NaN": (_file({**_GOOD, "lr": float("nan")}), "NaN"),
    "a warm-up of everything": (_but(warmup=1.0), "warmup"),
    "a negative warm-up": (_but(warmup=-0.1), "warmup"),
    "two kinds of warm-up": (_but(warmup_steps=10), "warmup"),
    "restarts out of order": (_but(restarts=[0.6, 0.4], step_scale=0.8), "restarts"),
    "a restart twice": (_but(restarts=[0.5, 0.5], step_scale=0.8), "restarts"),
    "a restart in the warm-up": (_but(restarts=[0.01]), "restarts"),
    "a restart past the end": (_but(restarts=[1.5]), "restarts"),
    "more scales than restarts": (_but(step_scale=[0.8, 0.7]), "step_scale"),
    "a scale of 0": (_but(step_scale=[0.0]), "step_scale"),
    "a rising scale": (_but(step_scale=[1.5]), "step_scale"),
    "a floor of 2": (_but(eta_min=2), "eta_min"),
    "a hold of everything": (_but(hold=1.0), "hold"),
    "an unknown curve": (_but(curve={"name": "cosin"}), "cosine"),
    "a curve of power 0": (_but(curve={"name": "polynomial", "power": 0}), "power"),
    "a horizon of 0 steps": (_file(_GOOD, horizon={"total_steps": 0}), "total_steps"),
}
COMMANDS: Sequence[Typed] = (
    Typed(["frobnicate"], "No such command"),
    Typed(["launch"], "Missing argument"),
    Typed(["launch", "char_lmm"], "did you mean char_lm"),
    Typed(["launch", "missing.toml"], "no such file"),
    Typed(["launch", "."], "is a folder"),
    Typed(["launch", "/dev/null"], "/dev/null"),
    Typed(["launch", "no_database.db"], "not valid TOML"),
    Typed(["launch", "small.toml", "--workers", "0"], "--workers"),
    Typed(["launch", "small.toml", "--workers", "-2"], "--workers"),
    Typed(["launch", "small.toml", "--workers", "two"], "--workers"),
    Typed(["launch", "small.toml", "--n-trials", "0"], "--n-trials"),
    Typed(["launch", "small.toml", "--device", "tpu"], "--device"),
    Typed(["launch", "small.toml", "--device", "cuda:99"], "--device"),
    Typed(["launch", "small.toml", "--gpus", "0,0"], "--gpus"),
    Typed(["launch", "small.toml", "--gpus", "a"], "--gpus"),
    Typed(["launch", "small.toml", "--frob"], "No such option"),
    Typed(["launch", "small.toml", "--storage", "x.db"], "sqlite:///x.db"),
    Typed(["launch", "small.toml", "--storage", "sqlite://x.db"], "three slashes"),
    Typed(["launch", "small.toml", "--storage", ""], "storage"),
    Typed(["launch", "small.toml", "--storage", "postgres://host/db"], "postgres"),
    Typed(["launch", "small.toml", "--storage", "mysql://host/db"], "mysql"),
    Typed(["launch", "small.toml", "--storage", "http://host"], "http"),
    Typed(["launch", "small.toml", "--storage", "journal.log"], "storage"),
    Typed(["launch", "small.toml", "--storage", "sqlite:////no/such/folder/x.db"], "does not exist"),
    Typed(["launch", "small.toml", "--storage", "sqlite:///no_database.db"], "not a SQLite database"),
    Typed(["launch", "small.toml", "--storage", "sqlite:////proc/x.db"], "/proc", 1),
    Typed(["launch", "small.toml", "--storage", "postgresql://127.0.0.1:1/db"], "127.0.0.1", 1),
    Typed(["launch", "small.toml", "--storage", "postgresql://127.0.0.1:99999/db"], "99999", 1),
    Typed(["plan", "missing.toml"], "no such file"),
    Typed(["status"], "no studies yet"),
    Typed(["status", "small"], "no studies yet"),
    Typed(["stop", "small"], "no studies yet"),
    Typed(["export", "small"], "no studies yet"),
    Typed(["export", "small", "--total-steps", "0"], "--total-steps"),
    Typed(["export", "small", "--total-steps", "-1"], "--total-steps"),
    Typed(["export", "small", "--epochs", "3"], "--steps-per-epoch"),
    Typed(["export", "small", "--format", "tensorflow"], "no studies yet"),
    Typed(["verdict", "small"], "there are none yet"),
    Typed(["verdict", "small", "--pairs", "3"], "--pairs"),
    Typed(["verdict", "small", "--margin", "-1"], "--margin"),
    Typed(["transfer", "small"], "there are none yet"),
    Typed(["report", "small"], "no studies yet"),
    Typed(["delete", "small"], "no studies yet"),
    Typed(["reset", "small"], "no studies yet"),
    Typed(["logs", "small"], "no studies yet"),
    Typed(["priority", "small", "1"], "no studies yet"),
    Typed(["copy", "small", "--to", "x.db"], "sqlite:///x.db"),
    Typed(["copy", "small", "--to", "sqlite:///copies.db"], "no studies yet"),
    Typed(["dashboard"], "no studies yet"),
    Typed(["dashboard", "--port", "0"], "no studies yet"),
    Typed(["dashboard", "--port", "70000"], "--port"),
    Typed(["dashboard", "--host", "0.0.0.0"], "no studies yet"),
    Typed(["worker", "--log-format", "xml"], "--log-format"),
    Typed(["data", "imagenet"], "imagenet"),
    Typed(["preview", "missing.json"], "no such file"),
    Typed(["preview", "small.toml"], "format"),
    Typed(["preview", "."], "is a directory"),
)
EXPORTS: Sequence[Typed] = (
    Typed(["export", "smal"], "did you mean small"),
    Typed(["export", "small", "--trial", "99"], "99"),
    Typed(["export", "small", "--trial", "-1"], "--trial"),
    Typed(["export", "small", "--leader", "--trial", "1"], "each names a schedule"),
    Typed(["export", "small", "-o", "/no/such/folder/s.json"], "/no/such/folder does not exist"),
    Typed(["export", "small", "-o", "."], "is a folder"),
    Typed(["export", "small", "-o", "/dev/full"], "/dev/full", 1),
    Typed(["export", "small", "-o", "/proc/s.json"], "/proc/s.json: No such file"),
    Typed(["export", "small", "--total-steps", "ten"], "--total-steps"),
    Typed(["report", "small", "-o", "/no/such/folder/r.html"], "/no/such/folder does not exist"),
    Typed(["report", "smal"], "did you mean small"),
    Typed(["copy", "small", "--to", "sqlite:///no_database.db"], "not a SQLite database"),
    Typed(["launch", "small.toml", "--n-trials", "2"], "trials"),
    Typed(["status", "smal"], "did you mean small"),
    Typed(["verdict", "small", "--baseline", "missing.json"], "No such file"),
    Typed(["verdict", "small", "--baseline", "small.toml"], "format"),
    Typed(["delete", "smal"], "did you mean small"),
)
_LOOP = """
import warmboot
lr = warmboot.lr(0.1, 100)
[lr(step) for step in range(100)]
"""
_TO_50 = _LOOP.replace("range(100)", "range(50)")
SCRIPTS: Mapping[str, tuple[str, str]] = {
    "a script that does nothing": ("pass\n", "warmboot"),
    "a syntax error": ("def\n", "SyntaxError"),
    "an import that is not there": ("import nowhere\n", "nowhere"),
    "an exception": ("raise ValueError('no data on a Sunday')\n", "no data on a Sunday"),
    "sys.exit(3)": ("import sys; sys.exit(3)\n", "3"),
    "sys.exit(0) before the end": (
        f"{_LOOP}import sys; warmboot.report(1, val_loss=1.0); sys.exit(0)\n",
        "step",
    ),
    "killed by itself": ("import os; os.kill(os.getpid(), 9)\n", "SIGKILL"),
    "a schedule and no report": (_LOOP, "report"),
    "a report and no schedule": ("import warmboot\nwarmboot.report(100, val_loss=1.0)\n", "schedule"),
    "a report past the end": (f"{_LOOP}warmboot.report(999, val_loss=1.0)\n", "past"),
    "a report of text": (f"{_LOOP}warmboot.report(100, val_loss='low')\n", "val_loss"),
    "a report of another metric": (f"{_LOOP}warmboot.report(100, accuracy=1.0)\n", "val_loss"),
    "steps that fall": (
        f"{_TO_50}warmboot.report(50, val_loss=1.0)\nwarmboot.report(30, val_loss=2.0)\n",
        "step 30",
    ),
    "a NaN at every step": (
        f"{_TO_50}warmboot.report(50, val_loss=float('nan'))\n[lr(s) for s in range(50, 100)]\n"
        "warmboot.report(100, val_loss=float('nan'))\n",
        "nan",
    ),
    "a hang": ("import time; time.sleep(900)\n", "20 s"),
}
