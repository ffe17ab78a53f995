"""What a verdict knows of the study before it begins."""

from __future__ import annotations

from typing import Any

import pytest

from search.runs.trial_attributes import RUNS
from search.storage.database import Database
from search.verdict.leader import study_leader
from tests.search_tests.studies import LINEAR, fill, make_study

OWN = {"proxy": {"command": "python train.py"}}


@pytest.mark.parametrize(
    ("changes", "metrics", "text"),
    [
        (OWN, {"val": [1.0]}, None),
        (
            OWN,
            {"val": [1.0], "test": [1.1]},
            "compared by val, the study's objective; test, reported by the training too, takes no part in it",
        ),
        (
            {**OWN, "objective": "error"},
            {"error": [0.1], "val": [1.0], "test": [1.1]},
            "compared by error, the study's objective; test, val, reported by the training too, take no part "
            "in it",
        ),
        ({}, {"val_loss": [1.0], "train_loss": [1.0]}, None),  # a built-in training has its test data
    ],
)
def test_a_metric_that_takes_no_part_is_named(
    database: Database, changes: dict[str, Any], metrics: dict[str, Any], text: str | None
) -> None:
    record = make_study(database, **changes)
    fill(record, [(LINEAR, 1.0)], **{RUNS: [{"seed": 0, "step": [100], **metrics}]})
    assert study_leader(record).compared_text() == text
