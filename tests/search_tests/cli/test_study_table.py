"""All studies of a storage, one line each."""

from __future__ import annotations

from typing import Any

import pytest

from search.cli.study_table import study_table
from search.results.candidate import Candidate
from search.results.lead import Lead
from search.results.run_count import RunCount
from search.results.status import StudyStatus
from tests.search_tests.studies import study_spec
from warmboot.schedule import WarmbootSchedule

BEST = Candidate(
    key="best", schedule=WarmbootSchedule(lr=0.1), trial_numbers=(4,), searched=(2.0, 2.2), confirmed=()
)


def snapshot(name: str = "small", **changes: Any) -> StudyStatus:
    fields: dict[str, Any] = {
        "spec": study_spec(name=name),
        "n_trials": 100,
        "counts": {"complete": 40},
        "diverged": 0,
        "lead": Lead(BEST, None, ahead=True),
        "trials_per_second": None,
        "confirmed": False,
        "stopped": False,
    }
    return StudyStatus(**{**fields, **changes})


def test_a_line_for_each_under_a_head() -> None:
    long = snapshot("a longer name", counts={"complete": 3, "fail": 2, "running": 1}, lead=None)
    assert study_table([snapshot(), long, "old"]) == [
        "study          state         done       failed  best          schedule",
        "small          paused        40 of 100          val_loss 2.1  cosine to 0, peak lr 0.1",
        "a longer name  running       3 of 100   2",
        "old            not readable                                   made by another version of Warmboot",
    ]


@pytest.mark.parametrize(
    ("changes", "state", "done"),
    [
        ({"search_is_over": True, "settled": True}, "done", "40 of 100"),
        ({"stopped": True}, "stopped", "40 of 100"),
        ({"at_work": True}, "running", "40 of 100"),  # it confirms its best, or learns its own lr
        ({"n_trials": None, "runs": RunCount(asked=8, searching=7.777)}, "paused", "7.78 of 8 runs"),
        (
            {"n_trials": None, "budget_seconds": 7200.0, "trained_seconds": 60.0},
            "paused",
            "1 min of 2 h",
        ),
    ],
)
def test_state_and_limit(changes: dict[str, Any], state: str, done: str) -> None:
    line = study_table([snapshot(**changes)])[1]
    assert line.split("  ")[1].strip() == state
    assert f"  {done}  " in line


def test_a_terminal_cuts_the_last_column() -> None:
    lines = study_table([snapshot()], 60)
    assert max(map(len, lines)) == 60
    assert lines[1].endswith("cosine to 0…")
