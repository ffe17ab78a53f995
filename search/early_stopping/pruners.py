"""Optuna's pruners by the names of a study file."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
)

from search.errors import UsageError, nearest, problems_text
from search.spec.early_stopping import OWN, EarlyStoppingSpec

_PRUNERS: Mapping[str, type[BasePruner]] = {
    "median": MedianPruner,
    "percentile": PercentilePruner,
    "halving": SuccessiveHalvingPruner,
    "hyperband": HyperbandPruner,
    "threshold": ThresholdPruner,
}


def build_pruner(spec: EarlyStoppingSpec) -> BasePruner:
    """Optuna's pruner of a study; one that never prunes where it has none.

    Raises:
        UsageError: an argument that this pruner does not take, or with a value it refuses.
    """
    problems = pruner_problems(spec)
    if problems:
        raise UsageError(problems_text("[early_stopping]", problems))
    return NopPruner() if spec.name in OWN else _made(spec)


def pruner_problems(spec: EarlyStoppingSpec) -> list[str]:
    """One line for each argument that can't be used."""
    known: set[str] = set()
    if spec.name not in OWN:
        known = set(inspect.signature(_PRUNERS[spec.name].__init__).parameters) - {"self"}
    unknown = [key for key in spec.arguments if key not in known]
    lines = [
        f"early_stopping.{key}: not an argument of {spec.name!r}; {nearest(key, [*known, 'name', 'plateau'])}"
        for key in unknown
    ]
    if lines or spec.name in OWN:
        return lines
    try:
        _made(spec)
    except (TypeError, ValueError) as error:
        return [f"early_stopping: {spec.name}: {str(error).rstrip('.')}."]
    return []


def _made(spec: EarlyStoppingSpec) -> BasePruner:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _PRUNERS[spec.name](**spec.arguments)
