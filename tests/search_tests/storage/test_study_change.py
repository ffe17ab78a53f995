"""A script that was mended: a study without results takes it, one with results asks and remembers."""

from __future__ import annotations

from typing import Any

import pytest

from search.errors import UsageError
from search.results.status import read_status
from search.spec.study import StudySpec
from search.storage.database import Database
from search.storage.study_attributes import CHANGES
from search.storage.study_change import accepted_changes
from search.storage.study_making import create_or_resume
from search.storage.study_record import StudyRecord
from tests.search_tests.studies import fill, study_spec, trial_queue

ROW = ({"lr": 0.1, "warmup": 0.0, "n_restarts": 0, "curve": "linear"}, 1.0)
PLACE = {"file": "/home/ada/my study.toml", "folder": "/home/ada"}


def spec(**proxy: str) -> StudySpec:
    return study_spec(proxy={"command": "python train.py", **proxy})


def facts(content: str) -> dict[str, Any]:
    parts = {"train.py": content, "data.py": "same"}
    return {"name": "mine", "kind": "command", "fingerprint": content, "parts": parts}


def launch(database: Database, content: str, study: StudySpec | None = None, **options: Any) -> StudyRecord:
    return create_or_resume(database, study or spec(), facts(content), place=PLACE, **options)[0]


def test_a_study_without_a_result_takes_the_new_script_and_says_so(database: Database) -> None:
    record = launch(database, "first")
    said: list[str] = []
    queue = trial_queue(record)
    trial = queue.next()
    assert trial is not None
    queue.fail(trial.number, "a typo")
    record.keep_own_lr(0.1)
    launch(database, "mended", say=said.append)
    assert said == ["used as it is now, because no trial has a result yet: train.py has changed"]
    assert record.attributes["proxy"]["fingerprint"] == "mended"
    assert record.attributes["own_lr"] is None, "another script has an lr of its own"
    assert accepted_changes(record.attributes) == []


def test_a_study_with_results_names_what_changed_and_every_way_out(database: Database) -> None:
    record = launch(database, "first")
    fill(record, [ROW])
    before = record.attributes
    with pytest.raises(UsageError) as caught:
        launch(database, "second")
    text = str(caught.value)
    assert "in /home/ada is not what its 1 trial with a result had:\n  train.py has changed\n" in text
    assert "warmboot launch '/home/ada/my study.toml' --accept-change --storage" in text
    assert "delete" not in text
    assert "fingerprint" not in text
    assert record.attributes == before


def test_an_accepted_change_is_kept_and_the_next_launch_needs_no_word(database: Database) -> None:
    record = launch(database, "first")
    fill(record, [ROW])
    launch(database, "second", accept_change=True)
    launch(database, "second")
    (change,) = accepted_changes(record.attributes)
    assert (change.results, list(change.what)) == (1, ["train.py has changed"])
    assert read_status(record, record.reader()).changes == [change]
    fill(record, [ROW])
    launch(database, "first", accept_change=True)
    assert len(record.attributes[CHANGES]) == 2


def test_what_trains_now_is_asked_for_too(database: Database) -> None:
    record = launch(database, "first")
    assert trial_queue(record).next() is not None
    with pytest.raises(UsageError, match=r"train\.py has changed"):
        launch(database, "second")


def test_another_way_to_call_it_may_be_accepted_and_another_search_may_not(database: Database) -> None:
    record = launch(database, "first")
    fill(record, [ROW])
    moved = spec(command="/opt/python train.py")
    with pytest.raises(
        UsageError, match=r"command: the study has 'python train\.py', the file has '/opt/pyt"
    ):
        launch(database, "first", moved)
    assert launch(database, "first", moved, accept_change=True).spec == moved
    other = moved.model_copy(update={"total_steps": 200})
    with pytest.raises(UsageError, match="searches something else"):
        launch(database, "first", other, accept_change=True)
