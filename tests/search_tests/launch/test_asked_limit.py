"""A limit on the command line: in place of the file's, and held to what the study has used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from search.errors import UsageError
from search.launch.asked_limit import asked_limit, refuse_limit
from search.launch.checks import prepare, wanted
from search.spec.budget import Budget
from search.storage.address import parse_address
from search.storage.database import Database
from search.storage.study_record import StudyRecord
from tests.search_tests.studies import LINEAR, fill, make_study


@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        ({"n_trials": 12}, Budget(n_trials=12)),
        ({"n_runs": 24}, Budget(n_runs=18, total_steps=600)),  # 6 confirm the best
        ({"budget": "1h30m"}, Budget(budget_seconds=5400)),
    ],
)
def test_it_takes_the_place_of_the_files(asked: dict[str, Any], limit: Budget) -> None:
    nothing = {"n_trials": None, "n_runs": None, "budget": None}
    assert wanted("char_lm", asked_limit(**{**nothing, **asked})).spec.limit == limit
    assert wanted("char_lm", asked_limit(**nothing)).spec.limit == wanted("char_lm").spec.limit


def test_two_limits_and_no_time_are_refused() -> None:
    with pytest.raises(
        UsageError, match="give one of --n-trials, --n-runs and --budget; got --n-trials and --b"
    ):
        asked_limit(n_trials=3, n_runs=None, budget="8h")
    with pytest.raises(UsageError, match=r"--budget: got '8 moons'; accepted is a time above 0"):
        asked_limit(n_trials=None, n_runs=None, budget="8 moons")


def test_it_is_held_to_the_rules_of_a_study_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\nproxy = "char_lm_mlp"\ntotal_steps = 100\nn_trials = 9\n[space]\nlr = 0.1\n'
        "[confirmation]\nleaders = 3\nseeds = 2\n"
    )
    with pytest.raises(UsageError, match="takes 8 of the 12 runs, more than half"):
        wanted(str(file), {"n_runs": 12})


def test_fewer_trials_than_a_study_has_are_refused(database: Database, record: StudyRecord) -> None:
    """The number is a total: "114 of 3" would be said for ever."""
    fill(record, [(LINEAR, 2.0)] * 5)
    with pytest.raises(UsageError, match=r"has 5 trials already, .* give 8 for 3 more, or 5 to end"):
        refuse_limit(database, record.name, {"n_trials": 3})
    refuse_limit(database, record.name, {"n_trials": 5})
    refuse_limit(database, "not there yet", {"n_trials": 1})
    refuse_limit(database, record.name, {})


def test_fewer_runs_than_a_study_has_used_are_refused(database: Database) -> None:
    record = make_study(database, n_trials=None, n_runs=24)
    fill(record, [(LINEAR, 2.0)] * 5)
    with pytest.raises(UsageError, match=r"--n-runs: got 4, but study 'small' has used 5 full runs already"):
        refuse_limit(database, record.name, {"n_runs": 4})
    refuse_limit(database, record.name, {"n_runs": 5})


def test_less_time_than_a_study_has_trained_is_refused(database: Database) -> None:
    record = make_study(database, n_trials=None, budget="8h")
    fill(record, [(LINEAR, 2.0)])
    least = "0.000000001s"
    with pytest.raises(UsageError, match=rf"--budget: got {least}, but study 'small' has used .* s already"):
        refuse_limit(database, record.name, {"budget": least})
    refuse_limit(database, record.name, {"budget": "8h"})


def test_a_study_with_trials_keeps_its_kind_of_limit(database: Database, record: StudyRecord) -> None:
    refuse_limit(database, record.name, {"n_runs": 24})  # it has none yet
    fill(record, [(LINEAR, 2.0)])
    with pytest.raises(
        UsageError,
        match=r"--n-runs: study 'small' has trials under another limit, n_trials; give --n-trials, or",
    ):
        refuse_limit(database, record.name, {"n_runs": 24})


def test_a_launch_registers_the_study_with_it(tmp_path: Path) -> None:
    storage = parse_address(f"sqlite:///{tmp_path / 'w.db'}")
    record = prepare("char_lm", storage, {"n_runs": 24}).record
    assert (record.spec.n_runs, record.spec.n_trials) == (24, None)
    assert record.attributes.limit == Budget(n_runs=18, total_steps=600)
