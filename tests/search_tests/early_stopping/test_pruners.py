"""Optuna's pruners by name, and what a study file can say wrongly about them."""

from __future__ import annotations

import optuna
import pytest

from search.early_stopping.pruners import build_pruner, pruner_problems
from search.errors import UsageError
from search.spec.early_stopping import EarlyStoppingSpec


def spec(**table: object) -> EarlyStoppingSpec:
    return EarlyStoppingSpec.model_validate(table)


@pytest.mark.parametrize(
    ("table", "pruner"),
    [
        ({}, optuna.pruners.NopPruner),
        ({"name": "squeezed"}, optuna.pruners.NopPruner),
        ({"name": "averaged"}, optuna.pruners.NopPruner),
        ({"name": "median", "n_startup_trials": 3}, optuna.pruners.MedianPruner),
        ({"name": "percentile", "percentile": 40.0}, optuna.pruners.PercentilePruner),
        ({"name": "halving"}, optuna.pruners.SuccessiveHalvingPruner),
        ({"name": "hyperband"}, optuna.pruners.HyperbandPruner),
        ({"name": "threshold", "upper": 5.0}, optuna.pruners.ThresholdPruner),
    ],
)
def test_each_name_makes_its_pruner(table: dict[str, object], pruner: type) -> None:
    assert isinstance(build_pruner(spec(**table)), pruner)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"name": "median", "n_startup_trial": 3},
            "early_stopping.n_startup_trial: .*did you mean n_start",
        ),
        ({"name": "none", "quantile": 3}, "early_stopping.quantile: not an argument of 'none'"),
        ({"name": "percentile"}, "early_stopping: percentile: .*percentile"),
        ({"name": "percentile", "percentile": 400.0}, "early_stopping: percentile: .*400"),
        ({"name": "threshold"}, "early_stopping: threshold: "),
    ],
)
def test_what_a_pruner_does_not_take_is_told(table: dict[str, object], message: str) -> None:
    assert len(pruner_problems(spec(**table))) == 1
    with pytest.raises(UsageError, match=message):
        build_pruner(spec(**table))
