"""Weights & Biases: the study is a project; `WANDB_MODE=offline` keeps its runs in files under `folder`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.trackers.tracked import TrackedRun

_PROJECT_LETTERS = 128
_NOT_IN_A_PROJECT = "/\\#?%:"


class WeightsAndBiases:
    """Logs metrics and `lr` by step, and the run's hyperparameters."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._runs: dict[str, Any] = {}

    def begin(self, run: TrackedRun) -> None:
        import wandb

        self._folder.mkdir(parents=True, exist_ok=True)
        project = "".join("-" if c in _NOT_IN_A_PROJECT else c for c in run.study)[:_PROJECT_LETTERS]
        made = wandb.init(
            project=project,
            name=run.name,
            dir=str(self._folder),
            config=run.settings,
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )
        self._runs[run.name] = made
        made.define_metric("lr", step_metric="lr_step")  # of the schedule, told before the metrics
        for step, lr in run.lr_points():
            made.log({"lr_step": step, "lr": lr})
        made.define_metric("*", step_metric="training_step")

    def report(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
        self._runs[run.name].log({**metrics, "training_step": step})

    def end(self, run: TrackedRun, outcome: str) -> None:
        self._runs.pop(run.name).finish(exit_code=1 if outcome == "failed" else 0)

    def close(self) -> None:
        for made in self._runs.values():
            made.finish(exit_code=1)
