"""MLflow: the study is an experiment, where `$MLFLOW_TRACKING_URI` says, else in `folder/mlflow.db`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.trackers.tracked import TrackedRun

_STATUS = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


class MLflow:
    """Logs metrics and `lr` by step, and the run's hyperparameters."""

    def __init__(self, folder: Path) -> None:
        from mlflow import MlflowClient

        address = os.environ.get("MLFLOW_TRACKING_URI")
        if not address:
            folder.mkdir(parents=True, exist_ok=True)
            address = f"sqlite:///{(folder / 'mlflow.db').absolute()}"
        self._client: Any = MlflowClient(tracking_uri=address)
        self._runs: dict[str, str] = {}

    def begin(self, run: TrackedRun) -> None:
        made = self._client.create_run(self._experiment(run.study), run_name=run.name)
        self._runs[run.name] = made.info.run_id
        for name, value in run.settings.items():
            self._client.log_param(made.info.run_id, name, value)
        self._log(run, [("lr", lr, step) for step, lr in run.lr_points()])

    def report(self, run: TrackedRun, step: int, metrics: Mapping[str, float]) -> None:
        self._log(run, [(name, value, step) for name, value in metrics.items()])

    def end(self, run: TrackedRun, outcome: str) -> None:
        self._client.set_terminated(self._runs.pop(run.name), status=_STATUS[outcome])

    def close(self) -> None:
        for run_id in self._runs.values():
            self._client.set_terminated(run_id, status="KILLED")

    def _log(self, run: TrackedRun, points: list[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, value, step in points]
        self._client.log_batch(self._runs[run.name], metrics=metrics)

    def _experiment(self, study: str) -> str:
        known = self._client.get_experiment_by_name(study)
        if known is not None:
            return str(known.experiment_id)
        try:
            return str(self._client.create_experiment(study))
        except Exception:  # another worker was faster
            known = self._client.get_experiment_by_name(study)
            if known is None:
                raise
            return str(known.experiment_id)
