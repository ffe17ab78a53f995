"""Trials for tests: a folder as a search makes it."""

from pathlib import Path
from typing import Any

import pytest

from warmboot.schedule import WarmbootSchedule
from warmboot.trial_files import VARIABLE, Report, TrialFile, parse_report, write_trial


def make_trial(folder: Path, **changes: Any) -> TrialFile:
    """A trial of 100 steps whose files lie in `folder`."""
    fields: dict[str, Any] = {
        "study": "own",
        "trial": 7,
        "total_steps": 100,
        "seed": 12345,
        "schedule": WarmbootSchedule(lr=0.5, warmup=0.1, restarts=[0.6], curve="linear"),
        "params": {"weight_decay": 1e-4, "blocks": 3, "norm": "batch", "nesterov": True},
        "reports": folder / "reports.jsonl",
        "stop": folder / "stop",
    }
    return TrialFile(**{**fields, **changes})


def enter_trial(monkeypatch: pytest.MonkeyPatch, folder: Path, **changes: Any) -> TrialFile:
    """Make this process one that runs a trial."""
    trial = make_trial(folder, **changes)
    write_trial(trial, folder / "trial.json")
    monkeypatch.setenv(VARIABLE, str(folder / "trial.json"))
    return trial


def reports_of(trial: TrialFile) -> list[Report]:
    return [parse_report(line) for line in trial.reports.read_text().splitlines()]
