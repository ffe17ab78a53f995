"""The trackers of a study by name, and whether they can be used here."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from search.spec.proxy import is_reference
from search.spec.report import ReportSpec
from search.trackers.to_function import ToFunction
from search.trackers.to_mlflow import MLflow
from search.trackers.to_tensorboard import TensorBoard
from search.trackers.to_wandb import WeightsAndBiases
from search.trackers.tracked import Tracker
from warmboot.extras import install_command

BY_NAME: dict[str, Callable[[Path], Tracker]] = {
    "tensorboard": TensorBoard,
    "wandb": WeightsAndBiases,
    "mlflow": MLflow,
}


def make_tracker(name: str, folder: Path) -> Tracker:
    """The tracker of that name, or of a function of the user's; raises what its package raises."""
    return ToFunction(name) if is_reference(name) else BY_NAME[name](folder)


def tracker_problems(report: ReportSpec) -> list[str]:
    """Trackers that are not installed here, a line each with the command that brings them."""
    missing = [name for name in report.to if not is_reference(name) and find_spec(name) is None]
    return [f"report.to: {name} is not installed here: {install_command(name)}" for name in missing]
