"""TensorBoard: a folder of event files for each run, under `folder/study`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.trackers.tracked import TrackedRun, run_folder


class TensorBoard:
    """Writes scalars: each metric, and `lr`; `tensorboard --logdir FOLDER` shows them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}

    def begin(self, run: TrackedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(run_folder(self._folder, run)))
        self._writers[run.name] = writer
        settings = "  \n".join(f"{name}: {value}" for name, value in run.settings.items())
        writer.add_text("settings", settings)
        for step, lr in run.lr_points():
            writer.add_scalar("lr", lr, step)

    def report(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self._writers[run.name].add_scalar(name, value, step)

    def end(self, run: TrackedRun, outcome: str) -> None:
        self._writers.pop(run.name).close()

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
